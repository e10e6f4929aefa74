//! RTCP: the compound of sender report and CNAME that goes to viewers (RFC 3550 sections 6.4.1 and 6.5), and the sender
//! reports that come from cameras. Receiver reports are deliberately unread: nothing here adapts to them.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wall::Wall;

/// Longest CNAME: its length is one byte.
pub const CNAME_BYTES_MAX: usize = 255;

const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const CNAME: u8 = 1;

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX_SECONDS: i64 = 2_208_988_800;

/// What a sender report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whose.
    pub ssrc: u32,
    /// NTP time, 32 bits of seconds since 1900 and 32 bits of fraction.
    pub ntp: u64,
    /// The RTP timestamp of that instant.
    pub rtp: u32,
}

/// An instant as NTP's 64 bits; eras wrap in 2036.
pub fn ntp_of(wall: Wall) -> u64 {
    let seconds = wall.micros().div_euclid(1_000_000).wrapping_add(NTP_TO_UNIX_SECONDS);
    let micros = wall.micros().rem_euclid(1_000_000).unsigned_abs();
    ((seconds as u64 & 0xffff_ffff) << 32) | ((micros << 32) / 1_000_000)
}

/// NTP's 64 bits as an instant, in the era from 1968 to 2104 (RFC 4330 section 3).
pub fn wall_of(ntp: u64) -> Wall {
    const ERA_SECONDS: i64 = 1 << 32;
    let seconds = (ntp >> 32) as i64;
    let era = if seconds & 0x8000_0000 == 0 { ERA_SECONDS } else { 0 };
    let micros = (((ntp & 0xffff_ffff) * 1_000_000) >> 32) as i64;
    Wall::from_micros((seconds + era - NTP_TO_UNIX_SECONDS) * 1_000_000 + micros)
}

/// A sender report and the source's CNAME in one compound packet, without interleaved header. A longer CNAME is cut to
/// `CNAME_BYTES_MAX`.
pub fn sender_report(ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32, cname: &str) -> Bytes {
    let cname = cname.as_bytes().get(..cname.len().min(CNAME_BYTES_MAX)).unwrap_or_default();
    // Item header and text, then at least one zero byte that ends the list, up to a multiple of 4.
    let item_bytes = (2 + cname.len() + 1).next_multiple_of(4);
    let mut out = BytesMut::with_capacity(28 + 8 + item_bytes);
    out.put_u8(0x80);
    out.put_u8(SENDER_REPORT);
    out.put_u16(6);
    out.put_u32(ssrc);
    out.put_u64(ntp);
    out.put_u32(rtp);
    out.put_u32(packets);
    out.put_u32(octets);
    out.put_u8(0x81);
    out.put_u8(SOURCE_DESCRIPTION);
    out.put_u16((1 + item_bytes / 4) as u16);
    out.put_u32(ssrc);
    out.put_u8(CNAME);
    out.put_u8(cname.len() as u8);
    out.put_slice(cname);
    out.put_bytes(0, item_bytes - 2 - cname.len());
    out.freeze()
}

/// The same, and that the source is gone (RFC 3550 section 6.6).
pub fn goodbye(ssrc: u32, ntp: u64, rtp: u32, packets: u32, octets: u32, cname: &str) -> Bytes {
    let mut out = BytesMut::from(&sender_report(ssrc, ntp, rtp, packets, octets, cname)[..]);
    out.put_slice(&[0x81, BYE, 0, 1]);
    out.put_u32(ssrc);
    out.freeze()
}

/// The first sender report in a compound packet.
pub fn read_sender_report(compound: &[u8]) -> Option<Report> {
    let mut rest = compound;
    loop {
        let (&[flags, kind, high, low], tail) = rest.split_first_chunk::<4>()?;
        if flags >> 6 != 2 {
            return None;
        }
        let (body, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([high, low])) * 4)?;
        if kind == SENDER_REPORT {
            let (ssrc, body) = body.split_first_chunk()?;
            let (ntp, body) = body.split_first_chunk()?;
            let (rtp, _) = body.split_first_chunk()?;
            return Some(Report {
                ssrc: u32::from_be_bytes(*ssrc),
                ntp: u64::from_be_bytes(*ntp),
                rtp: u32::from_be_bytes(*rtp),
            });
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_laid_out_as_the_rfc_draws_it() {
        let bytes = sender_report(0x0102_0304, 0x1122_3344_5566_7788, 9, 10, 11, "cam");
        assert_eq!(bytes.len(), 28 + 8 + 8);
        assert_eq!(bytes[..8], [0x80, 200, 0, 6, 1, 2, 3, 4]);
        assert_eq!(bytes[28..], [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'c', b'a', b'm', 0, 0, 0]);
        let report = Report { ssrc: 0x0102_0304, ntp: 0x1122_3344_5566_7788, rtp: 9 };
        assert_eq!(read_sender_report(&bytes), Some(report));
        for length in 0..=300 {
            let bytes = sender_report(1, 2, 3, 4, 5, &"x".repeat(length));
            let words = usize::from(u16::from_be_bytes([bytes[30], bytes[31]]));
            assert_eq!(bytes.len(), 28 + 4 + 4 * words, "CNAME of {length}");
            assert_eq!(bytes.last(), Some(&0), "CNAME of {length} is ended");
        }
    }

    #[test]
    fn a_goodbye_is_a_report_and_a_bye() {
        let bytes = goodbye(7, 8, 9, 0, 0, "cam");
        assert_eq!(bytes[bytes.len() - 8..], [0x81, 203, 0, 1, 0, 0, 0, 7]);
        assert_eq!(read_sender_report(&bytes), Some(Report { ssrc: 7, ntp: 8, rtp: 9 }));
    }

    #[test]
    fn reports_are_found_behind_other_packets_and_garbage_is_none() {
        let mut compound = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
        compound.extend(sender_report(7, 8, 9, 0, 0, ""));
        assert_eq!(read_sender_report(&compound), Some(Report { ssrc: 7, ntp: 8, rtp: 9 }));
        assert_eq!(read_sender_report(&compound[..20]), None);
        assert_eq!(read_sender_report(&[0x80, 200, 0, 0]), None);
        assert_eq!(read_sender_report(&[0x00, 200, 0, 0]), None);
        assert_eq!(read_sender_report(&[]), None);
    }

    #[test]
    fn ntp_and_wall_agree_across_the_era() {
        for micros in [0, 1, 1_800_000_000_123_456, 2_085_978_495_999_999, 2_085_978_496_000_000, 3_000_000_000_000_000]
        {
            let back = wall_of(ntp_of(Wall::from_micros(micros))).micros();
            assert!((micros - back).abs() <= 1, "{micros} {back}");
        }
        assert_eq!(ntp_of(Wall::EPOCH) >> 32, 2_208_988_800);
    }
}
