//! Fragmented MP4 for Media Source Extensions, as WebSocket messages (RFC 6455 section 5.2): one frame is one fragment and one message,
//! on the stream's own line of time, so that one image serves every viewer; what is his own is his mark's slot, and the header that he
//! gets first, which sets the zero of his time. `handshake` is what is said before. Deliberately absent: the socket.

mod chunk;
mod handshake;

pub use chunk::Chunk;
pub use handshake::{Answer, Playable, choose, ended, notice, unplayable};

use bytes::Bytes;

/// FIN and the opcode of a binary message.
const BINARY: u8 = 0x82;
/// FIN and the opcode of a text message.
const TEXT: u8 = 0x81;
/// Longest header of a message from a server, which masks nothing.
const MESSAGE_HEADER_BYTES_MAX: usize = 10;

/// The header of a message with so many bytes.
fn message_header(kind: u8, bytes: usize) -> ([u8; MESSAGE_HEADER_BYTES_MAX], usize) {
    let mut header = [0; MESSAGE_HEADER_BYTES_MAX];
    let long = (bytes as u64).to_be_bytes();
    let [.., high, low] = long;
    let written: &[&[u8]] = match bytes {
        0..126 => &[&[kind, low]],
        126..65_536 => &[&[kind, 126, high, low]],
        _ => &[&[kind, 127], &long],
    };
    let mut len = 0;
    for byte in written.iter().copied().flatten() {
        if let Some(place) = header.get_mut(len) {
            *place = *byte;
            len += 1;
        }
    }
    (header, len)
}

/// A whole message.
fn message(kind: u8, body: &[u8]) -> Bytes {
    let (header, len) = message_header(kind, body.len());
    [header.get(..len).unwrap_or_default(), body].concat().into()
}

/// A binary message, such as a header.
pub fn binary(body: &[u8]) -> Bytes {
    message(BINARY, body)
}

/// A text message.
pub fn text(body: &str) -> Bytes {
    message(TEXT, body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_length() {
        assert_eq!(binary(&[7; 5])[..2], [0x82, 5]);
        assert_eq!(text("hello")[..], *b"\x81\x05hello");
        assert_eq!(binary(&[0; 126])[..4], [0x82, 126, 0, 126]);
        assert_eq!(binary(&[0; 65_535])[..4], [0x82, 126, 0xff, 0xff]);
        assert_eq!(binary(&[0; 65_536])[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
