//! A viewer by MSE: a WebSocket of a library that nobody here wrote, from an address of 127.0.0.0/8, that says what players say and has
//! what comes as it comes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

/// What a browser's player names, as those of other servers put it.
const PLAYS: &str =
    r#"{"type":"mse","value":"avc1.640029,avc1.64002A,avc1.640033,hvc1.1.6.L153.B0,mp4a.40.2,mp4a.40.5,flac,opus"}"#;

/// One connection.
pub(crate) struct MseViewer {
    pub(crate) socket: WebSocket<TcpStream>,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// A header or a fragment.
    Media(Vec<u8>),
    /// A text message.
    Word(Value),
    /// The end, with the code and the reason that were given.
    End(Option<(u16, String)>),
}

impl MseViewer {
    /// From that address; the status where there was no upgrade.
    pub(crate) fn connect(url: &str, from: Ipv4Addr) -> Result<Self, u16> {
        Self::connect_with(url, from, None)
    }

    /// The same through a window of a few packets: what is not read stays with the server.
    pub(crate) fn connect_narrow(url: &str, from: Ipv4Addr) -> Result<Self, u16> {
        Self::connect_with(url, from, Some(4 << 10))
    }

    fn connect_with(url: &str, from: Ipv4Addr, receive_bytes: Option<usize>) -> Result<Self, u16> {
        let address: SocketAddr =
            url["ws://".len()..].split('/').next().expect("an address").parse().expect("host:port");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).expect("a socket option");
        }
        socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into()).expect("loopback has it");
        socket.connect(&address.into()).expect("the listener is there");
        let socket: TcpStream = socket.into();
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket option");
        match tungstenite::client(url, socket) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Says what it plays; the answer's MIME type.
    pub(crate) fn play(&mut self) -> String {
        self.say(PLAYS);
        match self.next() {
            Came::Word(word) if word["type"] == "mse" => word["value"].as_str().expect("a MIME type").to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the server reads");
    }

    /// The next thing that comes. Waits ten seconds at most.
    pub(crate) fn next(&mut self) -> Came {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => return Came::Media(bytes.to_vec()),
                Ok(Message::Text(text)) => return Came::Word(serde_json::from_str(&text).expect("words are JSON")),
                Ok(Message::Close(frame)) => {
                    let told = |f: CloseFrame| (f.code.into(), f.reason.as_str().to_owned());
                    return Came::End(frame.map(told));
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("nothing came"),
                Err(_) => return Came::End(None),
            }
        }
    }

    /// So many messages of media in a row, the header among them.
    pub(crate) fn media(&mut self, messages: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..messages {
            match self.next() {
                Came::Media(media) => bytes.extend(media),
                other => panic!("{other:?}"),
            }
        }
        bytes
    }

    /// Reads to the end: the words that came before it, and what it said.
    pub(crate) fn end(&mut self) -> (Vec<Value>, Option<(u16, String)>) {
        let mut words = Vec::new();
        loop {
            match self.next() {
                Came::Media(_) => {}
                Came::Word(word) => words.push(word),
                Came::End(end) => return (words, end),
            }
        }
    }
}
