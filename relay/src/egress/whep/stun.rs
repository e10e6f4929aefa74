//! As much of STUN (RFC 8489) as tells whom a request is for: the part of USERNAME before the colon. Whether he is meant is
//! proved by the password, which only his own task knows.

const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 0x0006;
/// Attributes looked at; browsers send about 8.
const ATTRIBUTES_MAX: usize = 32;

/// Our side's name in a STUN message; none where it is no STUN message or carries no name.
pub(super) fn addressee(datagram: &[u8]) -> Option<&str> {
    let (header, mut rest) = datagram.split_at_checked(HEADER_BYTES)?;
    // The two highest bits of the message type are zero.
    if header.first()? >> 6 != 0 || header.get(4..8)? != MAGIC_COOKIE {
        return None;
    }
    for _ in 0..ATTRIBUTES_MAX {
        let (&[t1, t2, l1, l2], tail) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        let value = tail.get(..length)?;
        if u16::from_be_bytes([t1, t2]) == USERNAME {
            return std::str::from_utf8(value).ok()?.split_once(':').map(|(ours, _)| ours);
        }
        rest = tail.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: &[u8]) -> Vec<u8> {
        [&[0, 1, 0, attributes.len() as u8][..], &MAGIC_COOKIE, &[7; 12], attributes].concat()
    }

    #[test]
    fn the_name_is_found_behind_other_attributes() {
        let bytes = message(b"\x80\x22\x00\x03abc\0\x00\x06\x00\x09ours:them\0\0\0");
        assert_eq!(addressee(&bytes), Some("ours"));
    }

    #[test]
    fn what_is_cut_or_lies_names_nobody() {
        let whole = message(b"\x00\x06\x00\x09ours:them\0\0\0");
        for cut in 0..whole.len() - 3 {
            assert_eq!(addressee(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(addressee(&message(b"\x00\x06\xff\xffours:them")), None);
        assert_eq!(addressee(&message(b"\x00\x06\x00\x04ours")), None);
        let mut other = whole;
        other[0] = 0x80;
        assert_eq!(addressee(&other), None);
    }
}
