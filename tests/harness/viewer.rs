//! An RTSP viewer as bytes: connects from an address of 127.0.0.0/8, asks, and has what comes as it comes.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Longest stretch of media that is waited out.
const REST: Duration = Duration::from_secs(15);

/// One connection.
pub(crate) struct Viewer {
    pub(crate) socket: TcpStream,
    url: String,
    sequence: u32,
    session: String,
}

impl Viewer {
    /// From that address.
    pub(crate) fn connect(url: &str, from: Ipv4Addr) -> Self {
        let address: SocketAddr =
            url["rtsp://".len()..].split('/').next().expect("an address").parse().expect("host:port");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into()).expect("loopback has it");
        socket.connect(&address.into()).expect("the listener is there");
        let socket: TcpStream = socket.into();
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket option");
        Self { socket, url: url.to_owned(), sequence: 0, session: String::new() }
    }

    /// Status of the answer, its head and body.
    fn ask(&mut self, method: &str, uri: &str, headers: &str) -> (u16, String) {
        self.sequence += 1;
        write!(self.socket, "{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.sequence).expect("written");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.socket.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return (0, String::from_utf8_lossy(&head).into_owned()),
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).expect("the body");
        (status, head + &String::from_utf8_lossy(&body))
    }

    /// Asks for media on this connection; the first status that is not 200, or 200.
    pub(crate) fn play(&mut self) -> u16 {
        self.play_by("RTP/AVP/TCP;unicast;interleaved=0-1")
    }

    /// DESCRIBE, SETUP of the first track by this transport, PLAY.
    pub(crate) fn play_by(&mut self, transport: &str) -> u16 {
        let url = self.url.clone();
        let (status, answer) = self.ask("DESCRIBE", &url, "Accept: application/sdp\r\n");
        if status != 200 {
            return status;
        }
        let control = answer
            .lines()
            .filter_map(|l| l.strip_prefix("a=control:"))
            .find(|c| *c != "*")
            .expect("a track")
            .to_owned();
        let uri = if control.starts_with("rtsp:") { control } else { format!("{url}/{control}") };
        let (status, answer) = self.ask("SETUP", &uri, &format!("Transport: {transport}\r\n"));
        if status != 200 {
            return status;
        }
        let session = answer.lines().find_map(|l| l.strip_prefix("Session: ")).expect("a session");
        self.session = session.split(';').next().expect("an id").to_owned();
        let session = format!("Session: {}\r\n", self.session);
        self.ask("PLAY", &url, &session).0
    }

    /// DESCRIBE and SETUP of the first track over TCP, then PLAY with these headers: its status and head.
    pub(crate) fn play_with(&mut self, headers: &str) -> (u16, String) {
        assert_eq!(self.play_by("RTP/AVP/TCP;unicast;interleaved=0-1"), 200);
        self.play_again(headers)
    }

    /// PLAY with these headers while it plays: the status and head of the answer, behind which the next packets are.
    pub(crate) fn play_again(&mut self, headers: &str) -> (u16, String) {
        self.sequence += 1;
        let (url, session, sequence) = (&self.url, &self.session, self.sequence);
        write!(self.socket, "PLAY {url} RTSP/1.0\r\nCSeq: {sequence}\r\nSession: {session}\r\n{headers}\r\n")
            .expect("written");
        loop {
            let mut first = [0];
            self.socket.read_exact(&mut first).expect("an answer");
            if first[0] == b'$' {
                self.packet_behind_its_dollar();
                continue;
            }
            let mut head = first.to_vec();
            while !head.ends_with(b"\r\n\r\n") {
                self.socket.read_exact(&mut first).expect("the answer");
                head.push(first[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            return (head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0), head);
        }
    }

    /// The next interleaved packet: its channel and bytes; none at the end.
    pub(crate) fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut dollar = [0];
        self.socket.read_exact(&mut dollar).ok()?;
        assert_eq!(dollar, *b"$", "packets alone");
        Some(self.packet_behind_its_dollar())
    }

    fn packet_behind_its_dollar(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 3];
        self.socket.read_exact(&mut head).expect("a packet's head");
        let mut bytes = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        self.socket.read_exact(&mut bytes).expect("a packet");
        (head[0], bytes)
    }

    /// Reads on until the server closes; media bytes that came.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> usize {
        #[expect(clippy::disallowed_methods, reason = "tests run against a real process in real time")]
        let now = Instant::now;
        let (started, mut buffer) = (now(), vec![0; 64 << 10]);
        let mut total = 0;
        loop {
            assert!(started.elapsed() < REST, "media still comes after {REST:?}");
            match self.socket.read(&mut buffer) {
                Ok(0) | Err(_) => return total,
                Ok(n) => total += n,
            }
        }
    }

    /// Waits for media.
    pub(crate) fn some_media(&mut self) {
        let mut buffer = vec![0; 10_000];
        self.socket.read_exact(&mut buffer).expect("media flows");
    }
}
