//! A viewer of bare sockets: sends requests, cuts what comes into responses and packets.

use std::collections::VecDeque;
use std::net::SocketAddr;

use media::hub::Published;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::rig::PATIENCE;

pub(super) struct Viewer {
    socket: TcpStream,
    bytes: Vec<u8>,
    queue: VecDeque<(u8, Vec<u8>)>,
    cseq: u32,
    session: String,
    rtp_info: String,
    /// The head of the last response.
    head: String,
    /// Bytes of RTP packets received, with their interleaved headers.
    pub(super) media_bytes: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) channel: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    /// The RTP packets of interleaved data.
    pub(super) fn of(data: &[(u8, Vec<u8>)]) -> Vec<Self> {
        let rtp = data.iter().filter(|(channel, _)| channel % 2 == 0);
        rtp.map(|(channel, bytes)| Self::parse(*channel, bytes)).collect()
    }

    fn parse(channel: u8, bytes: &[u8]) -> Self {
        assert_eq!(bytes[0], 0x80);
        Self {
            channel,
            marker: bytes[1] & 0x80 != 0,
            sequence: u16::from_be_bytes(bytes[2..4].try_into().unwrap()),
            timestamp: u32::from_be_bytes(bytes[4..8].try_into().unwrap()),
            payload: bytes[12..].to_vec(),
        }
    }

    /// Parameter sets come before a keyframe, alone or in a STAP-A; a keyframe without them is no place to begin.
    pub(super) fn begins_keyframe(&self) -> bool {
        let kind = self.payload[0] & 31;
        kind == 7 || (kind == 24 && self.payload[3] & 31 == 7)
    }
}

enum Item {
    Data(u8, Vec<u8>),
    Response(u16, String, String),
}

impl Viewer {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::of(TcpSocket::new_v4().unwrap(), address).await
    }

    async fn of(socket: TcpSocket, address: SocketAddr) -> Self {
        let socket = tokio::time::timeout(PATIENCE, socket.connect(address)).await.unwrap().unwrap();
        Self {
            socket,
            bytes: Vec::new(),
            queue: VecDeque::new(),
            cseq: 0,
            session: String::new(),
            rtp_info: String::new(),
            head: String::new(),
            media_bytes: 0,
        }
    }

    /// Both tracks over TCP.
    pub(super) async fn playing(address: SocketAddr, token: &str) -> Self {
        let mut viewer = Self::connect(address).await;
        viewer.play_tcp(token).await;
        viewer
    }

    /// The same with little room on the way.
    pub(super) async fn playing_small(address: SocketAddr, token: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let mut viewer = Self::of(socket, address).await;
        viewer.play_tcp(token).await;
        viewer
    }

    /// Connected with little room on the way.
    pub(super) async fn connect_small(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        Self::of(socket, address).await
    }

    /// Both tracks over TCP, then PLAY with these headers.
    pub(super) async fn play_tracks(&mut self, token: &str, headers: &str) {
        for track in 0..2 {
            let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}\r\n", 2 * track, 1 + 2 * track);
            assert_eq!(self.ask("SETUP", token, &format!("/trackID={track}"), &transport).await.0, 200);
        }
        assert_eq!(self.ask("PLAY", token, "", headers).await.0, 200);
    }

    /// A header of the last response.
    pub(super) fn header(&self, name: &str) -> &str {
        self.head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
    }

    /// The next RTP packet; none where it was a report.
    pub(super) async fn packet(&mut self) -> Option<Packet> {
        let (channel, bytes) = self.interleaved().await;
        (channel % 2 == 0).then(|| Packet::parse(channel, &bytes))
    }

    /// So many RTP packets.
    pub(super) async fn packets(&mut self, count: usize) -> Vec<Packet> {
        let mut packets = Vec::new();
        while packets.len() < count {
            packets.extend(self.packet().await);
        }
        packets
    }

    /// RTP packets that came before the last response.
    pub(super) fn take_queued(&mut self) -> Vec<Packet> {
        Packet::of(&std::mem::take(&mut self.queue).into_iter().collect::<Vec<_>>())
    }

    async fn play_tcp(&mut self, token: &str) {
        assert_eq!(self.ask("OPTIONS", token, "", "").await.0, 200);
        assert_eq!(self.ask("DESCRIBE", token, "", "Accept: application/sdp\r\n").await.0, 200);
        for track in 0..2 {
            // Other channels than ours are asked for, as some players do.
            let transport =
                format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}\r\n", 10 + 2 * track, 11 + 2 * track);
            assert_eq!(self.ask("SETUP", token, &format!("/trackID={track}"), &transport).await.0, 200);
        }
        assert_eq!(self.ask("PLAY", token, "/", "Range: npt=0.000-\r\n").await.0, 200);
    }

    /// The video track over UDP.
    pub(super) async fn play_udp(&mut self, token: &str) -> UdpViewer {
        let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let rtcp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (a, b) = (rtp.local_addr().unwrap().port(), rtcp.local_addr().unwrap().port());
        let transport = format!("Transport: RTP/AVP;unicast;client_port={a}-{b}\r\n");
        assert_eq!(self.ask("DESCRIBE", token, "", "").await.0, 200);
        assert_eq!(self.ask("SETUP", token, "/trackID=0", &transport).await.0, 200);
        assert_eq!(self.ask("PLAY", token, "", "").await.0, 200);
        UdpViewer { rtp, rtcp }
    }

    pub(super) async fn send(&mut self, method: &str, token: &str, path: &str, headers: &str) {
        self.cseq += 1;
        let session = if self.session.is_empty() { String::new() } else { format!("Session: {}\r\n", self.session) };
        let request =
            format!("{method} rtsp://relay/s/{token}{path} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n", self.cseq);
        self.send_raw(request.as_bytes()).await;
    }

    pub(super) async fn send_raw(&mut self, bytes: &[u8]) {
        // The server may have closed already; what matters is what comes back.
        let _ = self.socket.write_all(bytes).await;
    }

    /// Status and body of the answer.
    pub(super) async fn ask(&mut self, method: &str, token: &str, path: &str, headers: &str) -> (u16, String) {
        self.send(method, token, path, headers).await;
        self.response().await
    }

    pub(super) async fn response(&mut self) -> (u16, String) {
        loop {
            match self.item().await.expect("a response before the end") {
                Item::Data(channel, bytes) => self.queue.push_back((channel, bytes)),
                Item::Response(status, head, body) => {
                    let header = |name: &str| {
                        head.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned()).unwrap_or_default()
                    };
                    assert_eq!(header("CSeq:"), self.cseq.to_string());
                    if let Some(session) = header("Session:").split(';').next().filter(|s| !s.is_empty()) {
                        self.session = session.to_owned();
                    }
                    if !header("RTP-Info:").is_empty() {
                        self.rtp_info = header("RTP-Info:");
                    }
                    self.head = head;
                    return (status, body);
                }
            }
        }
    }

    pub(super) async fn teardown(&mut self) {
        self.send_raw(
            format!(
                "TEARDOWN rtsp://relay/s/{} RTSP/1.0\r\nCSeq: 99\r\nSession: {}\r\n\r\n",
                super::TOKEN,
                self.session
            )
            .as_bytes(),
        )
        .await;
        self.cseq = 99;
        assert_eq!(self.response().await.0, 200);
    }

    /// Sequence number and timestamp that PLAY's answer gave for a track.
    pub(super) fn rtp_info(&self, track: &str) -> (u16, u32) {
        let entry = self.rtp_info.split(',').find(|e| e.contains(track)).unwrap();
        let value = |name: &str| entry.split(';').find_map(|p| p.strip_prefix(name)).unwrap();
        (value("seq=").parse().unwrap(), value("rtptime=").parse().unwrap())
    }

    /// Packets that came beside responses and have not been looked at.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn forget_queued(&mut self) {
        self.queue.clear();
    }

    pub(super) async fn interleaved(&mut self) -> (u8, Vec<u8>) {
        if let Some(queued) = self.queue.pop_front() {
            return queued;
        }
        match self.item().await.expect("a packet before the end") {
            Item::Data(channel, bytes) => (channel, bytes),
            Item::Response(status, head, _) => panic!("{status} {head}"),
        }
    }

    /// RTP packets of all tracks up to the last one of this video frame and the audio beside it.
    pub(super) async fn packets_until(&mut self, last: &Published) -> Vec<Packet> {
        let mut packets: Vec<Packet> = Vec::new();
        let (mut video_done, mut audio_done) = (false, false);
        while !(video_done && audio_done) {
            let (channel, bytes) = self.interleaved().await;
            if channel % 2 == 0 {
                let packet = Packet::parse(channel, &bytes);
                audio_done = video_done && channel == 2;
                video_done |= channel == 0 && packet.marker && packet.timestamp == last.rtp.timestamp;
                packets.push(packet);
            }
        }
        packets
    }

    pub(super) async fn video_until(&mut self, last: &Published) -> Vec<Packet> {
        self.packets_until(last).await.into_iter().filter(|p| p.channel == 0).collect()
    }

    /// RTP packets until the connection is closed.
    pub(super) async fn rest_packets(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut queue = std::mem::take(&mut self.queue);
        queue.extend(self.rest().await);
        for (channel, bytes) in queue {
            if channel % 2 == 0 {
                packets.push(Packet::parse(channel, &bytes));
            }
        }
        packets
    }

    /// Interleaved data until the connection is closed.
    pub(super) async fn rest(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut rest = Vec::new();
        while let Some(item) = self.item().await {
            if let Item::Data(channel, bytes) = item {
                rest.push((channel, bytes));
            }
        }
        rest
    }

    async fn item(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.cut() {
                return Some(item);
            }
            let mut buffer = [0; 16 << 10];
            let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut buffer)).await.expect("bytes in time");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(len) => self.bytes.extend_from_slice(&buffer[..len]),
            }
        }
    }

    fn cut(&mut self) -> Option<Item> {
        if self.bytes.first() == Some(&b'$') {
            let &[_, channel, high, low] = self.bytes.first_chunk::<4>()?;
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            let bytes = self.bytes.get(4..end)?.to_vec();
            self.bytes.drain(..end);
            if channel % 2 == 0 {
                self.media_bytes += end as u64;
            }
            return Some(Item::Data(channel, bytes));
        }
        let head_end = self.bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.bytes[..head_end].to_vec()).unwrap();
        let length =
            head.lines().find_map(|l| l.strip_prefix("Content-Length:")).map_or(0, |v| v.trim().parse().unwrap());
        let body = String::from_utf8(self.bytes.get(head_end..head_end + length)?.to_vec()).unwrap();
        self.bytes.drain(..head_end + length);
        let status = head.strip_prefix("RTSP/1.0 ").and_then(|r| r.get(..3)).unwrap().parse().unwrap();
        Some(Item::Response(status, head, body))
    }
}

pub(super) struct UdpViewer {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl UdpViewer {
    pub(super) async fn packet(&self) -> Packet {
        Packet::parse(0, &Self::datagram(&self.rtp).await)
    }

    pub(super) async fn report(&self) -> Vec<u8> {
        Self::datagram(&self.rtcp).await
    }

    async fn datagram(socket: &UdpSocket) -> Vec<u8> {
        let mut buffer = vec![0; 2_048];
        let len = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("a datagram in time").unwrap();
        buffer.truncate(len);
        buffer
    }
}
