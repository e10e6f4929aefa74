//! The floor of WebRTC: one thread that encrypts the same packets for each viewer, with the same cipher of the same library, and
//! sends each with one `send_to` from one socket; or, as `runs`, a picture's full packets with one send. Nobody is asked for, nothing
//! is kept to be sent again, and nobody's report is read.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use media::rtp::Payloads;

use crate::floor::{Reel, in_real_time};

/// What stands before a payload: RTP's header, and in extensions the section's name and the playout delay.
const HEAD_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const SEGMENT_BYTES: usize = HEAD_BYTES + media::codec::SRTP_PAYLOAD_BYTES_MAX + TAG_BYTES;
/// Packets of a run, as many as the kernel takes.
const RUN_MAX: usize = 50;
const SSRC: u32 = 1;

/// One packet without what is a viewer's own.
struct Packet {
    marker: bool,
    payload: Vec<u8>,
}

struct Picture {
    ticks: u32,
    packets: Vec<Packet>,
}

struct Viewer {
    to: SocketAddr,
    key: LessSafeKey,
    salt: [u8; 12],
    /// Of the next packet, without wrapping.
    number: u64,
}

/// Serves whoever sends it a datagram until its standard input closes; prints `ready PORT`.
pub(crate) fn serve(clip: &Path, in_runs: bool) -> anyhow::Result<()> {
    let reel = Reel::read(clip)?;
    let pictures: Vec<_> = reel
        .pictures
        .iter()
        .map(|(due, frame)| (*due, Picture::of(&Payloads::build(&reel.params, frame, frame.keyframe), frame.pts)))
        .collect();
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    println!("ready {}", socket.local_addr()?.port());
    let (joined, viewers) = channel();
    let asked = socket.try_clone()?;
    std::thread::spawn(move || {
        while let Ok((_, from)) = asked.recv_from(&mut [0; 16]) {
            let Ok(viewer) = Viewer::new(from) else { return };
            if joined.send(viewer).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        if in_runs {
            send_runs(&viewers, &pictures, reel.lap);
        } else {
            send_each(&socket, &viewers, &pictures, reel.lap);
        }
    });
    std::io::stdin().lines().for_each(drop);
    Ok(())
}

impl Picture {
    /// With a mark's packet in its place, where there is one, as a viewer's copy has it.
    fn of(payloads: &Payloads, pts: i64) -> Self {
        let (before, slot, behind) = payloads.parts();
        let packet = |payload: &media::rtp::Payload| Packet { marker: payload.marker, payload: payload.bytes.to_vec() };
        let own = slot.map(|slot| Packet { marker: false, payload: vec![1; slot.bytes()] });
        let packets = before.iter().map(packet).chain(own).chain(behind.iter().map(packet)).collect();
        Self { ticks: pts as u32, packets }
    }
}

impl Viewer {
    fn new(to: SocketAddr) -> anyhow::Result<Self> {
        let port = to.port().to_be_bytes();
        let key = UnboundKey::new(&AES_128_GCM, &[port[1]; 16]).ok().context("a key")?;
        Ok(Self { to, key: LessSafeKey::new(key), salt: [port[0]; 12], number: 0 })
    }

    /// Adds a packet as it leaves (RFC 7714 section 8).
    fn protect(&mut self, packet: &Packet, ticks: u32, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&[0x90, 0x66 | u8::from(packet.marker) << 7]);
        out.extend_from_slice(&(self.number as u16).to_be_bytes());
        out.extend_from_slice(&ticks.to_be_bytes());
        out.extend_from_slice(&SSRC.to_be_bytes());
        out.extend_from_slice(b"\xbe\xde\0\x02\x42mid\xe2\0\0\0");
        out.extend_from_slice(&packet.payload);
        let (_, own) = out.split_at_mut(begin);
        let (head, body) = own.split_at_mut(HEAD_BYTES);
        let sealed = self.key.seal_in_place_separate_tag(self.nonce(), Aad::from(&*head), body);
        out.extend_from_slice(sealed.expect("a packet can be sealed").as_ref());
        self.number += 1;
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = self.salt;
        let own = [0_u8; 2].into_iter().chain(SSRC.to_be_bytes()).chain(self.number.to_be_bytes().into_iter().skip(2));
        nonce.iter_mut().zip(own).for_each(|(byte, own)| *byte ^= own);
        Nonce::assume_unique_for_key(nonce)
    }
}

fn send_each(socket: &UdpSocket, joined: &Receiver<Viewer>, pictures: &[(Duration, Picture)], lap: Duration) {
    let (mut viewers, mut out) = (Vec::new(), Vec::new());
    in_real_time(pictures, lap, |picture, number| {
        viewers.extend(joined.try_iter());
        let ticks = ticks_in(picture, lap, number);
        for viewer in &mut viewers {
            for packet in &picture.packets {
                out.clear();
                viewer.protect(packet, ticks, &mut out);
                // Lost where the socket is full, as datagrams are.
                let _ = socket.send_to(&out, viewer.to);
            }
        }
    });
}

fn send_runs(joined: &Receiver<Viewer>, pictures: &[(Duration, Picture)], lap: Duration) {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return };
    if uring::set_udp_segment(socket.as_fd(), SEGMENT_BYTES as u16).is_err() {
        return;
    }
    let (mut viewers, mut out) = (Vec::new(), Vec::new());
    in_real_time(pictures, lap, |picture, number| {
        viewers.extend(joined.try_iter());
        let ticks = ticks_in(picture, lap, number);
        for viewer in &mut viewers {
            for packet in &picture.packets {
                viewer.protect(packet, ticks, &mut out);
                // A shorter packet ends a run.
                if out.len() % SEGMENT_BYTES != 0 || out.len() == RUN_MAX * SEGMENT_BYTES {
                    let _ = socket.send_to(&out, viewer.to);
                    out.clear();
                }
            }
            if !out.is_empty() {
                let _ = socket.send_to(&out, viewer.to);
                out.clear();
            }
        }
    });
}

/// A picture's time on the line that goes on from lap to lap, at 90 kHz.
fn ticks_in(picture: &Picture, lap: Duration, number: u32) -> u32 {
    picture.ticks.wrapping_add(number.wrapping_mul((lap.as_secs_f64() * 90_000.0) as u32))
}
