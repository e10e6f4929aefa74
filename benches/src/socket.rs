//! As much of an MSE player as opens a stream: the upgrade to a WebSocket, and what it says that it can play.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The picture alone, as the RTSP readers take it.
const PLAYS: &[u8] = br#"{"type":"mse","value":"avc1.640029"}"#;

/// Opens a `ws://` URL; fragments follow.
pub(crate) fn open(url: &str) -> anyhow::Result<TcpStream> {
    let (address, path) = url.strip_prefix("ws://").and_then(|rest| rest.split_once('/')).context("not a ws:// URL")?;
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    // Byte by byte: what follows the answer is the stream's.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    // A text message behind a mask of zeros.
    let length = u8::try_from(PLAYS.len()).context("a short message")?;
    socket.write_all(&[&[0x81, 0x80 | length, 0, 0, 0, 0], PLAYS].concat())?;
    Ok(socket)
}
