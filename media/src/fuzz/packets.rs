//! Any bytes read as a script: numbers, and RTP packets with their stamps.

use bytes::Bytes;

use crate::codec::RtpPayload;

pub(super) struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Four bytes; as many zeros where the script is at its end.
    pub(super) fn u32(&mut self) -> u32 {
        (0..4).fold(0, |value, _| value << 8 | u32::from(self.byte().unwrap_or(0)))
    }

    /// The script as packets, each behind flags and length in 3 bytes.
    pub(super) fn packets(mut self) -> impl Iterator<Item = RtpPayload> + use<'a> {
        let (mut sequence, mut timestamp) = (0u16, 0i64);
        std::iter::from_fn(move || {
            let flags = self.byte()?;
            let length = usize::from(self.byte()?) << 8 | usize::from(self.byte()?);
            let (payload, rest) = self.rest.split_at(length.min(self.rest.len()));
            self.rest = rest;
            let loss = u16::from(flags >> 1 & 3) * u16::from(flags >> 3 & 1);
            sequence = sequence.wrapping_add(1).wrapping_add(loss);
            timestamp = timestamp.wrapping_add(i64::from(flags >> 4) * 900);
            let payload = Bytes::copy_from_slice(payload);
            Some(RtpPayload { sequence, timestamp, marker: flags & 1 == 1, loss, payload })
        })
    }
}

/// A packet as `Script::packets` reads it; `new_unit` moves the timestamp on.
pub(super) fn append(script: &mut Vec<u8>, marker: bool, new_unit: bool, payload: &[u8]) {
    let length = payload.len().min(usize::from(u16::MAX));
    script.push(u8::from(marker) | if new_unit { 4 << 4 } else { 0 });
    script.extend((length as u16).to_be_bytes());
    script.extend(payload.iter().take(length));
}
