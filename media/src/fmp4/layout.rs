//! Where the fields of a fragment's head stand: what `head` writes, found again in bytes from a disk. Bytes of any other form
//! have no layout, so that nothing is changed whose meaning is not known. Deliberately absent: the changes.

use std::ops::Range;

use super::boxes::Header;
use super::head::{DEFAULT_BASE_IS_MOOF, HEADER_BYTES, PRFT_BYTES, TRUN_FLAGS};
use super::reader::NON_SYNC;
use super::wall_from_ntp;
use crate::wall::Wall;

/// Bytes of a trun entry: duration, size, flags, composition offset.
const ENTRY_BYTES: usize = 16;
/// First word of a full box of version 0, and of version 1.
const VERSION_0: u32 = 0;
const VERSION_1: u32 = 1 << 24;

/// A fragment as its head describes it. Its samples lie back to back behind the mdat's header, in the order of the runs.
#[derive(Debug)]
pub(super) struct Layout {
    /// When the first sample of the lead track was captured.
    pub(super) start: Wall,
    /// Id of the track that leads.
    pub(super) lead: u32,
    /// Where `start` is on its line, in its ticks.
    pub(super) media_time: u64,
    pub(super) runs: Vec<RunAt>,
    /// Place of the mdat's length.
    pub(super) mdat_at: usize,
    /// Length of the whole fragment.
    pub(super) bytes: usize,
}

/// One track's part.
#[derive(Debug)]
pub(super) struct RunAt {
    pub(super) track: u32,
    decode_time: u64,
    /// Place of its data offset.
    pub(super) offset_at: usize,
    data_offset: u32,
    entries: Range<usize>,
    data_at: usize,
}

/// One sample.
#[derive(Debug)]
pub(super) struct SampleAt {
    /// Place of its size.
    pub(super) size_at: usize,
    /// Its bytes in the fragment.
    pub(super) data: Range<usize>,
    /// In ticks of its track.
    pub(super) decode_time: u64,
    /// From there to its presentation.
    pub(super) composition: i32,
    /// A decoder can begin here.
    pub(super) sync: bool,
}

impl Layout {
    /// Reads prft, moof and the mdat's header; what follows is not looked at and may be missing.
    pub(super) fn read(head: &[u8]) -> Option<Self> {
        let mut fields = Fields { bytes: head, at: 0 };
        let prft_end = fields.open(b"prft")?;
        let version = fields.be32()? >> 24;
        let (lead, ntp, media_time) = (fields.be32()?, fields.be64()?, fields.be64()?);
        if version != 1 || prft_end != PRFT_BYTES || fields.at != prft_end {
            return None;
        }
        let moof_end = fields.open(b"moof")?;
        fields.full(b"mfhd", VERSION_0, 4)?;
        fields.be32()?;
        let mut runs = Vec::new();
        while fields.at < moof_end {
            runs.push(fields.traf()?);
        }
        let mdat_at = fields.at;
        let mdat_end = fields.open(b"mdat")?;
        if mdat_at != moof_end || runs.is_empty() {
            return None;
        }
        let mut data_at = fields.at;
        for run in &mut runs {
            if usize::try_from(run.data_offset).ok()? != data_at - PRFT_BYTES {
                return None;
            }
            run.data_at = data_at;
            data_at = run.samples(head).last().map_or(data_at, |sample| sample.data.end);
        }
        let layout = Self { start: wall_from_ntp(ntp), lead, media_time, runs, mdat_at, bytes: data_at };
        (data_at == mdat_end).then_some(layout)
    }

    /// Where the samples begin, which is where the head ends.
    pub(super) fn data_at(&self) -> usize {
        self.mdat_at + HEADER_BYTES
    }
}

impl RunAt {
    /// Its samples in the order of decoding, read from the head it was found in.
    pub(super) fn samples(&self, head: &[u8]) -> impl Iterator<Item = SampleAt> {
        let (mut data_at, mut decode_time) = (self.data_at, self.decode_time);
        let entries = head.get(self.entries.clone()).unwrap_or_default().as_chunks::<ENTRY_BYTES>().0;
        entries.iter().zip((self.entries.start..).step_by(ENTRY_BYTES)).map(move |(entry, at)| {
            let entry = u128::from_be_bytes(*entry);
            let field = |place: u32| (entry >> (96 - 32 * place)) as u32;
            let end = data_at.saturating_add(field(1) as usize);
            let sample = SampleAt {
                size_at: at + 4,
                data: data_at..end,
                decode_time,
                composition: field(3) as i32,
                sync: field(2) & NON_SYNC == 0,
            };
            (data_at, decode_time) = (end, decode_time.saturating_add(u64::from(field(0))));
            sample
        })
    }
}

/// Reads one field behind the other.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn be32(&mut self) -> Option<u32> {
        let field = self.bytes.get(self.at..)?.first_chunk::<4>()?;
        self.at += field.len();
        Some(u32::from_be_bytes(*field))
    }

    fn be64(&mut self) -> Option<u64> {
        Some(u64::from(self.be32()?) << 32 | u64::from(self.be32()?))
    }

    /// Enters a box of this kind, whose length takes 32 bits; where it ends.
    fn open(&mut self, kind: &[u8; 4]) -> Option<usize> {
        let header = Header::parse(self.bytes.get(self.at..)?)?;
        let end = self.at.checked_add(usize::try_from(header.bytes).ok()?)?;
        self.at += HEADER_BYTES;
        (&header.kind == kind && header.header_bytes == HEADER_BYTES as u64).then_some(end)
    }

    /// Enters a full box that begins with `first` and holds `body_bytes` behind it.
    fn full(&mut self, kind: &[u8; 4], first: u32, body_bytes: usize) -> Option<()> {
        let end = self.open(kind)?;
        (self.be32()? == first && end == self.at + body_bytes).then_some(())
    }

    fn traf(&mut self) -> Option<RunAt> {
        let end = self.open(b"traf")?;
        self.full(b"tfhd", VERSION_0 | DEFAULT_BASE_IS_MOOF, 4)?;
        let track = self.be32()?;
        self.full(b"tfdt", VERSION_1, 8)?;
        let decode_time = self.be64()?;
        let trun_end = self.open(b"trun")?;
        let first = self.be32()?;
        let samples = usize::try_from(self.be32()?).ok()?;
        let offset_at = self.at;
        let data_offset = self.be32()?;
        let entries = self.at..self.at.checked_add(samples.checked_mul(ENTRY_BYTES)?)?;
        self.at = entries.end;
        let whole = entries.end == trun_end && entries.end == end && entries.end <= self.bytes.len();
        let run = RunAt { track, decode_time, offset_at, data_offset, entries, data_at: 0 };
        (whole && first == VERSION_1 | TRUN_FLAGS).then_some(run)
    }
}
