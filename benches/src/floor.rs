//! The floors: servers of one thread that do the least there is to do. They send the same frames as the camera under test,
//! from prepared images, in real time, and speak just enough RTSP for the same readers to play from them. One sends each
//! frame to each reader with one `send`; one waits until it has 64 KiB; one sends by UDP with `UDP_SEGMENT`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use media::clip::{Clip, Sample};
use media::codec::CodecParams;
use media::fmp4::MediaTime;
use media::frame::Frame;
use media::mse::Chunk;
use media::rtp::{Datagrams, Image, Item, RtpStamp, SEGMENT_BYTES, cut};
use media::wall::Wall;
use rustix::net::{SendFlags, send, sendto};

/// Which floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Floor {
    /// One send for each frame and reader.
    Frame,
    /// The same with fragments for media sources.
    Chunks,
    /// One send for each 64 KiB and reader.
    Merged,
    /// One send by UDP for each frame (or 64 KiB of it) and reader.
    Udp,
}

/// Beyond one segment of 64 KiB a send pays its fixed cost again.
const MERGED_BYTES: usize = 65_483;
/// Datagrams that the kernel takes in one send.
const SEGMENTS_MAX: usize = 46;

/// One frame as it goes out.
struct Shot {
    image: Vec<u8>,
    /// The same in datagrams, in what one send takes each.
    runs: Vec<Vec<u8>>,
}

struct Reader {
    socket: TcpStream,
    to: Option<SocketAddr>,
    owed: Vec<u8>,
}

/// Serves until its standard input closes; prints `ready PORT`.
pub(crate) fn serve(floor: Floor, clip: &Path) -> anyhow::Result<()> {
    let reel = Reel::read(clip)?;
    let (shots, lap) = (shots(&reel, floor), reel.lap);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("ready {}", listener.local_addr()?.port());
    let (joined, readers) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let joined = joined.clone();
            // A thread a handshake: they are over before anything is measured.
            std::thread::spawn(move || {
                if let Ok(to) = handshake(&socket)
                    && socket.set_nonblocking(true).is_ok()
                {
                    let _ = joined.send(Reader { socket, to, owed: Vec::new() });
                }
            });
        }
    });
    std::thread::spawn(move || match floor {
        Floor::Udp => send_datagrams(&readers, &shots, lap),
        Floor::Frame | Floor::Chunks | Floor::Merged => send_frames(&readers, &shots, lap, floor == Floor::Merged),
    });
    std::io::stdin().lines().for_each(drop);
    Ok(())
}

/// A clip's pictures as a camera sends them, and when.
pub(crate) struct Reel {
    pub(crate) params: CodecParams,
    pub(crate) pictures: Vec<(Duration, Frame)>,
    /// How long it lasts.
    pub(crate) lap: Duration,
}

impl Reel {
    pub(crate) fn read(clip: &Path) -> anyhow::Result<Self> {
        let clip = Clip::parse(&std::fs::read(clip)?.into())?;
        let track = clip.tracks.iter().find(|t| t.params.is_video()).context("the clip has no video")?;
        let seconds = |ticks: i64| Duration::from_secs_f64(ticks.max(0) as f64 / f64::from(track.clock_rate));
        let samples = || clip.samples.iter().filter(|s| s.track == track.id);
        let picture = |sample: &Sample| {
            let payload = relay::sim::with_parameter_sets(&track.params, sample);
            let (track, pts, keyframe) = (track.id, sample.pts, sample.keyframe);
            let frame = Frame { track, pts, wall: Wall::EPOCH, keyframe, discontinuity: false, payload };
            (seconds(sample.dts), frame)
        };
        let last = samples().last().context("the clip is empty")?;
        let lap = seconds(last.dts + i64::from(last.duration));
        Ok(Self { params: track.params.clone(), pictures: samples().map(picture).collect(), lap })
    }
}

fn shots(reel: &Reel, floor: Floor) -> Vec<(Duration, Shot)> {
    let mut sequence = 0_u16;
    let mut shot = |(due, frame): &(Duration, Frame)| {
        let packets = cut(&reel.params, frame).packets;
        let stamp = RtpStamp { ssrc: 1, first_sequence: sequence, packets, marked: false, timestamp: frame.pts as u32 };
        sequence = sequence.wrapping_add(packets);
        let image = match floor {
            Floor::Chunks => Chunk::build(&reel.params, frame, MediaTime::default(), 1, false).bytes().to_vec(),
            _ => Image::build(&reel.params, frame, stamp).bytes().to_vec(),
        };
        (*due, Shot { image, runs: runs(&Datagrams::build(&reel.params, frame, stamp)) })
    };
    reel.pictures.iter().map(&mut shot).collect()
}

/// What follows each other in whole segments goes together, as far as the kernel takes it.
fn runs(datagrams: &Datagrams) -> Vec<Vec<u8>> {
    let mut runs: Vec<Vec<u8>> = Vec::new();
    for item in datagrams.items() {
        let Item::Run(run) = item else { continue };
        let run = datagrams.bytes().get(run).unwrap_or_default();
        match runs.last_mut() {
            Some(open) if open.len() % SEGMENT_BYTES == 0 && open.len() + run.len() <= SEGMENTS_MAX * SEGMENT_BYTES => {
                open.extend_from_slice(run);
            }
            _ => runs.push(run.to_vec()),
        }
    }
    runs
}

/// Waits for each shot's time, over and over, and tells it, and in which lap.
pub(crate) fn in_real_time<T>(shots: &[(Duration, T)], lap: Duration, mut send: impl FnMut(&T, u32)) {
    let started = Instant::now();
    for number in 0_u32.. {
        for (due, shot) in shots {
            let due = started + lap * number + *due;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            send(shot, number);
        }
    }
}

fn send_frames(joined: &Receiver<Reader>, shots: &[(Duration, Shot)], lap: Duration, merged: bool) {
    let mut readers: Vec<Reader> = Vec::new();
    let mut together: Vec<u8> = Vec::new();
    in_real_time(shots, lap, |shot, _| {
        readers.extend(joined.try_iter());
        let image = if merged {
            if together.len() + shot.image.len() <= MERGED_BYTES {
                together.extend_from_slice(&shot.image);
                return;
            }
            std::mem::replace(&mut together, shot.image.clone())
        } else {
            Vec::new()
        };
        let image = if merged { &image } else { &shot.image };
        readers.retain_mut(|reader| reader.take(image));
    });
}

impl Reader {
    /// What a socket did not take is owed to it and goes out before the next frame. False: it is gone.
    fn take(&mut self, image: &[u8]) -> bool {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if !self.owed.is_empty() {
            self.owed.extend_from_slice(image);
            return match send(&self.socket, &self.owed, flags) {
                Ok(sent) => {
                    self.owed.drain(..sent);
                    true
                }
                Err(rustix::io::Errno::AGAIN) => true,
                Err(_) => false,
            };
        }
        match send(&self.socket, image, flags) {
            Ok(sent) => self.owed.extend_from_slice(image.get(sent..).unwrap_or_default()),
            Err(rustix::io::Errno::AGAIN) => self.owed.extend_from_slice(image),
            Err(_) => return false,
        }
        true
    }
}

fn send_datagrams(joined: &Receiver<Reader>, shots: &[(Duration, Shot)], lap: Duration) {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return };
    if uring::set_udp_segment(socket.as_fd(), SEGMENT_BYTES as u16).is_err() {
        return;
    }
    let mut readers: Vec<Reader> = Vec::new();
    in_real_time(shots, lap, |shot, _| {
        readers.extend(joined.try_iter());
        for reader in &readers {
            let Some(to) = &reader.to else { continue };
            for run in &shot.runs {
                // Lost where the socket is full, as datagrams are.
                let _ = sendto(&socket, run, SendFlags::DONTWAIT, to);
            }
        }
    });
}

/// Answers up to PLAY. Gives where a reader by UDP wants its packets.
fn handshake(socket: &TcpStream) -> anyhow::Result<Option<SocketAddr>> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut to = None;
    loop {
        let (mut request, mut sequence) = (String::new(), String::from("0"));
        loop {
            let mut line = String::new();
            anyhow::ensure!(reader.read_line(&mut line)? > 0, "gone");
            if line == "\r\n" {
                break;
            }
            if let Some(number) = line.strip_prefix("CSeq:") {
                number.trim().clone_into(&mut sequence);
            }
            if let Some(port) = line.split("client_port=").nth(1).and_then(|p| p.split('-').next()) {
                to = Some(SocketAddr::new(socket.peer_addr()?.ip(), port.parse()?));
            }
            if request.is_empty() {
                request = line;
            }
        }
        let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n";
        let mut socket = socket;
        let (extra, body) = if request.starts_with("DESCRIBE") {
            (format!("Content-Length: {}\r\n", sdp.len()), sdp)
        } else {
            ("Session: floor\r\n".to_owned(), "")
        };
        socket.write_all(format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{extra}\r\n{body}").as_bytes())?;
        if request.starts_with("PLAY") {
            return Ok(to);
        }
    }
}

/// The command that runs a floor.
pub(crate) fn command(floor: Floor, clip: &PathBuf) -> anyhow::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let name = clap::ValueEnum::to_possible_value(&floor).context("every floor has a name")?;
    command.arg("floor-server").arg(name.get_name()).arg(clip);
    Ok(command)
}
