//! The words on a viewer's WebSocket (RFC 6455): bytes in, what he said out, and bytes for him where the protocol wants an answer. The
//! library holds the protocol; frames of media pass by it. Deliberately absent: the socket.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use tungstenite::Message;
use tungstenite::error::Error;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};

/// A viewer says what he can play and little else.
const MESSAGE_BYTES_MAX: usize = 8 << 10;
/// Taken from the socket at once.
pub(super) const READ_BYTES: usize = 4 << 10;

/// What a viewer did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A text message.
    Text(String),
    /// He said that he leaves.
    Left,
    /// What is not allowed here.
    Fault(&'static str),
}

/// The conversation's state.
pub(super) struct Words {
    context: WebSocketContext,
    pipe: Pipe,
}

/// Bytes between the library and the socket.
#[derive(Default)]
struct Pipe {
    input: VecDeque<u8>,
    output: Vec<u8>,
}

impl Words {
    /// Begins behind the upgrade, with what was read after it.
    pub(super) fn new(read_ahead: &[u8]) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let mut words = Self { context: WebSocketContext::new(Role::Server, Some(config)), pipe: Pipe::default() };
        words.handle_bytes(read_ahead);
        words
    }

    /// Takes what came.
    pub(super) fn handle_bytes(&mut self, bytes: &[u8]) {
        self.pipe.input.extend(bytes);
    }

    /// What he said, message by message; none once all that came is read.
    pub(super) fn poll_said(&mut self) -> Option<Said> {
        loop {
            match self.context.read(&mut self.pipe) {
                Ok(Message::Text(text)) => return Some(Said::Text(text.as_str().to_owned())),
                Ok(Message::Binary(_)) => return Some(Said::Fault("binary")),
                // Pings are answered by the library.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Some(Said::Left),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                    // Answers that the library has put off.
                    let _ = self.context.flush(&mut self.pipe);
                    return None;
                }
                Err(Error::Capacity(_)) => return Some(Said::Fault("too_large")),
                Err(_) => return Some(Said::Fault("not_websocket")),
            }
        }
    }

    /// Says that this is the end; the code is of the range that is free for applications.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() };
        // It was said already, or he said it.
        let _ = self.context.close(&mut self.pipe, Some(frame));
        let _ = self.context.flush(&mut self.pipe);
    }

    /// Bytes for him.
    pub(super) fn poll_output(&mut self) -> Option<Bytes> {
        let output = std::mem::take(&mut self.pipe.output);
        (!output.is_empty()).then(|| output.into())
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.input.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a browser sends it, its mask all zeros.
    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len()).unwrap();
        assert!(length < 126);
        [&[kind, 0x80 | length, 0, 0, 0, 0], body].concat()
    }

    #[test]
    fn text_comes_out_whole_however_it_comes_in() {
        let mut words = Words::new(&frame(0x81, b"{\"type\"")[..4]);
        assert_eq!(words.poll_said(), None);
        words.handle_bytes(&frame(0x81, b"{\"type\"")[4..]);
        assert_eq!(words.poll_said(), Some(Said::Text("{\"type\"".into())));
        assert_eq!(words.poll_output(), None);
    }

    #[test]
    fn a_ping_is_answered_and_a_farewell_returned() {
        let mut words = Words::new(&frame(0x89, b"x"));
        assert_eq!(words.poll_said(), None);
        assert_eq!(words.poll_output().unwrap(), [0x8a, 1, b'x'][..]);
        words.handle_bytes(&frame(0x88, &1000_u16.to_be_bytes()));
        assert_eq!(words.poll_said(), Some(Said::Left));
    }

    #[test]
    fn the_end_is_said_with_its_reason() {
        let mut words = Words::new(&[]);
        words.close(4000, "revoked");
        assert_eq!(words.poll_output().unwrap(), [&[0x88, 9, 0x0f, 0xa0][..], b"revoked"].concat());
    }

    #[test]
    fn what_is_not_allowed_is_a_fault() {
        let too_large = [&[0x81, 0x80 | 127][..], &(u64::MAX >> 1).to_be_bytes(), &[0; 4]].concat();
        for (bytes, fault) in [
            (frame(0x82, b"media"), "binary"),
            (too_large, "too_large"),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "not_websocket"),
            (vec![0x81, 1, b'x'], "not_websocket"),
        ] {
            assert_eq!(Words::new(&bytes).poll_said(), Some(Said::Fault(fault)), "{bytes:?}");
        }
    }
}
