//! A stamp in the pictures of a simulated camera: when it sent them, in an SEI unit of their own, so that whoever receives one
//! can tell how long it was on its way. For measuring; no real camera has it.

use bytes::{BufMut, Bytes, BytesMut};
use media::codec::CodecParams;
use media::mark::Carrier;
use media::wall::Wall;

/// Names the stamp among `user_data_unregistered`.
pub const STAMP_UUID: [u8; 16] = *b"sluice-sim-stamp";

/// Hexadecimal digits of microseconds since 1970.
pub(super) const DIGITS: usize = 16;

/// A stamp is a packet of its own, which few cameras send with each picture. With this many between, it weighs little, and
/// places all over a group of pictures have their turn: 7 divides no usual length of one.
pub(super) const EVERY: u32 = 7;

/// A picture of H.264 with a stamp to be filled in; other frames as they are.
pub(super) fn put_in(params: &CodecParams, payload: Bytes) -> Bytes {
    if !matches!(params, CodecParams::H264(_)) {
        return payload;
    }
    let Some(at) = Carrier::H264.insertion(&payload) else { return payload };
    let mut out = BytesMut::with_capacity(payload.len() + 64);
    out.put_slice(payload.get(..at).unwrap_or_default());
    out.put_u32(3 + STAMP_UUID.len() as u32 + DIGITS as u32 + 1);
    out.put_slice(&[6, 5, (STAMP_UUID.len() + DIGITS) as u8]);
    out.put_slice(&STAMP_UUID);
    out.put_bytes(b'0', DIGITS);
    out.put_u8(0x80);
    out.put_slice(payload.get(at..).unwrap_or_default());
    out.freeze()
}

/// Where the digits stand in packets that hold one.
pub(super) fn digits_at(bytes: &[u8]) -> Option<usize> {
    bytes.windows(STAMP_UUID.len()).position(|w| w == STAMP_UUID).map(|at| at + STAMP_UUID.len())
}

pub(super) fn digits(now: Wall) -> [u8; DIGITS] {
    let text = format!("{:016x}", now.micros());
    text.as_bytes().first_chunk().copied().unwrap_or([b'0'; DIGITS])
}

/// The instant in an RTP payload, where it is a stamp.
pub fn read_stamp(payload: &[u8]) -> Option<Wall> {
    let digits = payload.strip_prefix(&[6, 5])?.get(1..)?.strip_prefix(&STAMP_UUID)?.get(..DIGITS)?;
    let micros = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(Wall::from_micros(i64::try_from(micros).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_read() {
        let now = Wall::from_micros(1_795_000_000_123_456);
        let unit = [&[6, 5, 32][..], &STAMP_UUID, &digits(now), &[0x80]].concat();
        assert_eq!(read_stamp(&unit), Some(now));
        assert_eq!(digits_at(&unit), Some(19));
        assert_eq!(read_stamp(&unit[..30]), None);
    }
}
