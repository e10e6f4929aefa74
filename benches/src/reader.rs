//! The readers: N RTSP/TCP players in one thread that throw the media away in the kernel (`MSG_TRUNC`), so that what is
//! measured is the server. Runs as a process of its own, on a CPU of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::net::{RecvFlags, recv};

/// Time between two visits of a socket: no wake-up per send, and far from filling a socket at 4 Mbit/s.
const VISIT: Duration = Duration::from_millis(5);
/// Discarded by one call at most.
const DISCARD_BYTES: usize = 1 << 20;

/// Connects to each URL in the file, plays, prints `playing`, reads for `seconds`, prints `bytes TOTAL MIN MAX LOST`.
pub(crate) fn run(urls: &Path, seconds: u64) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(urls)?;
    let mut players = Vec::new();
    for url in text.lines().filter(|l| !l.is_empty()) {
        players.push(Player::play(url).with_context(|| format!("playing {url}"))?);
    }
    let mut discard = vec![0_u8; DISCARD_BYTES];
    // What was sent while the others connected is not counted: all are read dry once.
    settle(&mut players, &mut discard, Duration::from_secs(2));
    players.iter_mut().for_each(|p| p.bytes = 0);
    println!("playing");
    settle(&mut players, &mut discard, Duration::from_secs(seconds));
    let lost = players.iter().filter(|p| p.closed).count();
    let bytes = || players.iter().map(|p| p.bytes);
    println!("bytes {} {} {} {lost}", bytes().sum::<u64>(), bytes().min().unwrap_or(0), bytes().max().unwrap_or(0));
    Ok(())
}

fn settle(players: &mut [Player], discard: &mut [u8], time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        let visit = Instant::now();
        players.iter_mut().for_each(|player| player.read_dry(discard));
        std::thread::sleep(VISIT.saturating_sub(visit.elapsed()));
    }
}

struct Player {
    socket: TcpStream,
    bytes: u64,
    closed: bool,
}

impl Player {
    fn play(url: &str) -> anyhow::Result<Self> {
        let address =
            url.strip_prefix("rtsp://").and_then(|rest| rest.split('/').next()).context("not an rtsp:// URL")?;
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut reader = BufReader::with_capacity(4096, socket.try_clone()?);
        let mut sequence = 0;
        let mut ask = |method: &str, uri: &str, extra: &str| -> anyhow::Result<(String, String)> {
            sequence += 1;
            // In one write: pieces would wait for each other's acknowledgement.
            let request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {sequence}\r\n{extra}\r\n");
            (&socket).write_all(request.as_bytes())?;
            answer(&mut reader).with_context(|| format!("{method} {uri}"))
        };
        let (_, sdp) = ask("DESCRIBE", url, "Accept: application/sdp\r\n")?;
        let controls: Vec<&str> =
            sdp.lines().filter_map(|l| l.strip_prefix("a=control:")).filter(|c| *c != "*").collect();
        let control = controls.first().context("no track in the SDP")?;
        let uri = if control.starts_with("rtsp://") { (*control).to_owned() } else { format!("{url}/{control}") };
        let (head, _) = ask("SETUP", &uri, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")?;
        let session = head.lines().find_map(|l| l.strip_prefix("Session:")).context("no Session header")?;
        let session = session.split(';').next().unwrap_or("").trim().to_owned();
        ask("PLAY", url, &format!("Session: {session}\r\nRange: npt=0.000-\r\n"))?;
        drop(reader);
        socket.set_nonblocking(true)?;
        Ok(Self { socket, bytes: 0, closed: false })
    }

    fn read_dry(&mut self, discard: &mut [u8]) {
        while !self.closed {
            let size = discard.len();
            match recv(&self.socket, &mut *discard, RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
                Ok((0, 0)) => self.closed = true,
                Ok((_, bytes)) => {
                    self.bytes += bytes as u64;
                    if bytes < size {
                        return;
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => self.closed = true,
            }
        }
    }
}

/// One RTSP answer: its head and its body.
fn answer(reader: &mut BufReader<TcpStream>) -> anyhow::Result<(String, String)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            bail!("the server closed the connection");
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    if !head.starts_with("RTSP/1.0 200") {
        bail!("answer: {}", head.lines().next().unwrap_or(""));
    }
    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length:")).map_or(Ok(0), |n| n.trim().parse())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}
