//! One WebRTC viewer as a browser is one: it makes the offer, finds the server by ICE, agrees on keys by DTLS, decrypts, reports what
//! came and asks for what did not. What it decrypts it only counts.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, RtpPacket};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// Room of a viewer's socket: some keyframes.
const ROOM_BYTES: usize = 4 << 20;

/// A viewer.
pub(crate) struct Peer {
    rtc: Rtc,
    socket: UdpSocket,
    here: SocketAddr,
    due: Instant,
    pub(crate) connected: bool,
    pub(crate) seen: Seen,
}

/// What came to a viewer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Datagrams of media, and their bytes.
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    /// Packets that were understood, and their lowest and highest number.
    packets: u64,
    span: Option<(u64, u64)>,
    pub(crate) last_media: Option<Instant>,
    pub(crate) closed: Option<Instant>,
}

impl Seen {
    /// Counts a datagram, if it is one of media (RFC 5761 section 4).
    pub(crate) fn datagram(&mut self, datagram: &[u8], now: Instant) {
        if matches!(*datagram, [128..=191, kind, ..] if !(192..=223).contains(&kind)) {
            self.datagrams += 1;
            self.bytes += datagram.len() as u64;
            self.last_media = Some(now);
        }
    }

    /// Counts from now on.
    pub(crate) fn forget(&mut self) {
        *self = Self { closed: self.closed, ..Self::default() };
    }

    /// Counts a packet by its whole number.
    pub(crate) fn packet(&mut self, number: u64) {
        self.packets += 1;
        self.span = Some(self.span.map_or((number, number), |(low, high)| (low.min(number), high.max(number))));
    }

    /// Counts a packet by the 16 bits of its number that it carries.
    pub(crate) fn follow(&mut self, sequence: u16) {
        let high = self.span.map_or(u64::from(sequence), |(_, high)| high);
        self.packet(high + u64::from(sequence.wrapping_sub(high as u16)));
    }

    /// Packets that never came, not even when they were asked for again.
    pub(crate) fn lost(&self) -> u64 {
        self.span.map_or(0, |(low, high)| (high - low + 1).saturating_sub(self.packets))
    }
}

impl Peer {
    /// Makes the offer, and takes the answer.
    pub(crate) fn join(url: &str) -> anyhow::Result<Self> {
        let socket = socket()?;
        let (here, now) = (socket.local_addr()?, Instant::now());
        let mut rtc = Rtc::builder().set_rtp_mode(true).set_extension(14, Extension::PlayoutDelay).build(now);
        rtc.add_local_candidate(Candidate::host(here, "udp")?);
        let mut changes = rtc.sdp_api();
        changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = changes.apply().context("there is something to offer")?;
        let answer = SdpAnswer::from_sdp_string(&post(url, &offer.to_sdp_string())?)?;
        rtc.sdp_api().accept_answer(pending, answer)?;
        let mut peer = Self { rtc, socket, here, due: now, connected: false, seen: Seen::default() };
        peer.drain()?;
        Ok(peer)
    }

    /// Reads what has come, and does what is due. A session that breaks is over; what comes to it then is counted all the same.
    pub(crate) fn visit(&mut self, buffer: &mut [u8]) {
        if self.seen.closed.is_none() {
            if self.turn(buffer).is_err() {
                self.seen.closed = Some(Instant::now());
            }
            return;
        }
        while let Ok(read) = self.socket.recv(buffer) {
            self.seen.datagram(buffer.get(..read).unwrap_or_default(), Instant::now());
        }
    }

    fn turn(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        while let Ok((read, from)) = self.socket.recv_from(buffer) {
            let now = Instant::now();
            let datagram = buffer.get(..read).unwrap_or_default();
            self.seen.datagram(datagram, now);
            let received = Receive::new(Protocol::Udp, from, self.here, datagram)?;
            self.rtc.handle_input(Input::Receive(now, received))?;
            self.drain()?;
        }
        let now = Instant::now();
        if now >= self.due {
            self.rtc.handle_input(Input::Timeout(now))?;
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(due) => {
                    self.due = due;
                    return Ok(());
                }
                Output::Transmit(datagram) => _ = self.socket.send_to(&datagram.contents, datagram.destination),
                Output::Event(event) => self.event(&event),
            }
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::RtpPacket(RtpPacket { seq_no, .. }) => self.seen.packet(**seq_no),
            Event::Closed => self.seen.closed = Some(Instant::now()),
            _ => {}
        }
    }
}

/// A viewer's own socket, which is asked and never waited for.
pub(crate) fn socket() -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    // What this process may not have, it goes without.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, ROOM_BYTES)
        .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&socket, ROOM_BYTES));
    Ok(socket)
}

/// The answer to an offer.
fn post(url: &str, offer: &str) -> anyhow::Result<String> {
    let config =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
    let agent = ureq::Agent::from(config.build());
    let mut answer = agent.post(url).header("content-type", "application/sdp").send(offer)?;
    let text = answer.body_mut().read_to_string()?;
    ensure!(answer.status().as_u16() == 201, "{url}: {} {text}", answer.status());
    Ok(text)
}
