//! Box headers as they are found (ISO/IEC 14496-12 section 4.2), every size checked against what holds the box.

use std::ops::Range;

/// A box header, and the length of the whole box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: [u8; 4],
    /// 8, or 16 where the size takes 64 bits.
    pub(super) header_bytes: u64,
    /// The box, header included.
    pub(super) bytes: u64,
}

impl Header {
    /// None where the bytes are too few, or where the box says it is shorter than its header or runs "to the end".
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (header_bytes, bytes) = match u32::from_be_bytes(*size) {
            1 => (16, u64::from_be_bytes(*rest.first_chunk::<8>()?)),
            size => (8, u64::from(size)),
        };
        (bytes >= header_bytes).then_some(Self { kind: *kind, header_bytes, bytes })
    }
}

/// The boxes directly inside `bytes`, as kind and place of the body. Ends early at the first one that does not fit.
pub(super) fn children(bytes: &[u8], within: Range<usize>) -> impl Iterator<Item = ([u8; 4], Range<usize>)> {
    let mut at = within.start;
    std::iter::from_fn(move || {
        let header = Header::parse(bytes.get(at..within.end)?)?;
        let end = at.checked_add(usize::try_from(header.bytes).ok()?).filter(|end| *end <= within.end)?;
        let body = at + header.header_bytes as usize..end;
        at = end;
        Some((header.kind, body))
    })
}
