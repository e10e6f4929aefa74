//! As much of an RTSP player as opens a stream: DESCRIBE, SETUP of the first track, PLAY, over TCP or for a UDP port.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is set up.
pub(crate) struct Opened {
    pub(crate) socket: TcpStream,
    url: String,
    session: String,
    sequence: u32,
}

/// Opens a URL up to SETUP. `ports` are those of RTP and RTCP by UDP; none for TCP.
pub(crate) fn open(url: &str, ports: Option<(u16, u16)>) -> anyhow::Result<Opened> {
    let address = url.strip_prefix("rtsp://").and_then(|rest| rest.split('/').next()).context("not an rtsp:// URL")?;
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let mut opened = Opened { socket, url: url.to_owned(), session: String::new(), sequence: 0 };
    let (_, sdp) = opened.ask("DESCRIBE", url, "Accept: application/sdp\r\n")?;
    let controls: Vec<&str> = sdp.lines().filter_map(|l| l.strip_prefix("a=control:")).filter(|c| *c != "*").collect();
    let control = controls.first().context("no track in the SDP")?;
    let uri = if control.starts_with("rtsp://") { (*control).to_owned() } else { format!("{url}/{control}") };
    let transport = match ports {
        Some((rtp, rtcp)) => format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"),
        None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
    };
    let (head, _) = opened.ask("SETUP", &uri, &format!("Transport: {transport}\r\n"))?;
    let session = head.lines().find_map(|l| l.strip_prefix("Session:")).context("no Session header")?;
    opened.session = session.split(';').next().unwrap_or("").trim().to_owned();
    Ok(opened)
}

impl Opened {
    /// Asks to play; frames follow the answer on the same connection.
    pub(crate) fn play(&mut self) -> anyhow::Result<()> {
        self.play_range("npt=0.000-")
    }

    /// The same from somewhere.
    pub(crate) fn play_range(&mut self, range: &str) -> anyhow::Result<()> {
        let url = self.url.clone();
        self.send("PLAY", &url, &format!("Session: {}\r\nRange: {range}\r\n", self.session))?;
        // Byte by byte: what follows the answer is media.
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            (&self.socket).read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        if !head.starts_with("RTSP/1.0 200") {
            bail!("PLAY: {}", head.lines().next().unwrap_or(""));
        }
        Ok(())
    }

    fn send(&mut self, method: &str, uri: &str, extra: &str) -> anyhow::Result<()> {
        self.sequence += 1;
        // In one write: pieces would wait for each other's acknowledgement.
        let request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n{extra}\r\n", self.sequence);
        (&self.socket).write_all(request.as_bytes())?;
        Ok(())
    }

    /// Head and body of the answer.
    fn ask(&mut self, method: &str, uri: &str, extra: &str) -> anyhow::Result<(String, String)> {
        self.send(method, uri, extra)?;
        // A server says nothing of its own before PLAY, so that nothing is left in this buffer.
        answer(&mut BufReader::with_capacity(4096, &self.socket)).with_context(|| format!("{method} {uri}"))
    }
}

fn answer(reader: &mut BufReader<&TcpStream>) -> anyhow::Result<(String, String)> {
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
