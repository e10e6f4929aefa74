//! The sample tables of a progressive MP4 (ISO/IEC 14496-12 section 8.7): which bytes are which sample, and when.

use bytes::Bytes;
use mp4_atom::{Stbl, StszSamples};

use super::tracks::{Raw, Source};
use super::{ClipError, SAMPLES_MAX};

/// Fills `source.samples` from its tables; a fragmented file's are empty.
pub(super) fn read(file: &Bytes, source: &mut Source<'_>) -> Result<(), ClipError> {
    let fault = |what| ClipError::Table { track: source.number, what };
    let tables = source.tables;
    let count = sample_count(tables);
    if count > SAMPLES_MAX.max(file.len()) {
        return Err(ClipError::TooManySamples);
    }
    let mut times = tables.stts.entries.iter().flat_map(|e| repeat(e.sample_delta, e.sample_count));
    let offsets = tables.ctts.iter().flat_map(|c| &c.entries);
    let mut offsets = offsets.flat_map(|e| repeat(e.sample_offset, e.sample_count));
    let mut sync = SyncSamples::new(tables);
    let mut places = Places::new(tables);
    let mut dts = 0i64;
    for index in 0..count {
        let (at, bytes) = places.next(index).ok_or(fault("chunk tables end before the samples do"))?;
        let end = at.checked_add(bytes).ok_or(fault("a sample lies beyond the end of the clip"))?;
        let payload = slice(file, at, end).ok_or(fault("a sample lies beyond the end of the clip"))?;
        let duration = times.next().ok_or(fault("the time table ends before the samples do"))?;
        let offset = offsets.next().unwrap_or(0);
        source.samples.push(Raw { dts, offset, duration, sync: sync.is_sync(index), payload });
        dts = dts.saturating_add(i64::from(duration));
    }
    Ok(())
}

/// Part of the file, if it lies within.
pub(super) fn slice(file: &Bytes, from: u64, to: u64) -> Option<Bytes> {
    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
    (from <= to && to <= file.len()).then(|| file.slice(from..to))
}

fn repeat<T: Copy>(value: T, count: u32) -> impl Iterator<Item = T> {
    (0..count).map(move |_| value)
}

fn sample_count(tables: &Stbl) -> usize {
    match &tables.stsz.samples {
        StszSamples::Identical { count, .. } => *count as usize,
        StszSamples::Different { sizes } => sizes.len(),
    }
}

/// The sync sample table, walked in order; without one every sample is one.
struct SyncSamples<'a> {
    numbers: Option<std::iter::Peekable<std::slice::Iter<'a, u32>>>,
}

impl<'a> SyncSamples<'a> {
    fn new(tables: &'a Stbl) -> Self {
        Self { numbers: tables.stss.as_ref().map(|t| t.entries.iter().peekable()) }
    }

    fn is_sync(&mut self, index: usize) -> bool {
        let Some(numbers) = &mut self.numbers else { return true };
        while numbers.next_if(|n| (**n as usize) < index + 1).is_some() {}
        numbers.peek().is_some_and(|n| **n as usize == index + 1)
    }
}

/// Walks chunks and the samples in them.
struct Places<'a> {
    tables: &'a Stbl,
    chunk: usize,
    run: usize,
    left_in_chunk: u32,
    at: u64,
}

impl<'a> Places<'a> {
    fn new(tables: &'a Stbl) -> Self {
        Self { tables, chunk: 0, run: 0, left_in_chunk: 0, at: 0 }
    }

    /// Offset and length of the next sample.
    fn next(&mut self, index: usize) -> Option<(u64, u64)> {
        let bytes = match &self.tables.stsz.samples {
            StszSamples::Identical { size, .. } => *size,
            StszSamples::Different { sizes } => *sizes.get(index)?,
        };
        while self.left_in_chunk == 0 {
            self.at = self.chunk_offset(self.chunk)?;
            self.chunk += 1;
            // `first_chunk` counts from 1, as `self.chunk` now does.
            while self.tables.stsc.entries.get(self.run + 1).is_some_and(|e| e.first_chunk as usize <= self.chunk) {
                self.run += 1;
            }
            self.left_in_chunk = self.tables.stsc.entries.get(self.run)?.samples_per_chunk;
        }
        self.left_in_chunk -= 1;
        let at = self.at;
        self.at = at.checked_add(u64::from(bytes))?;
        Some((at, u64::from(bytes)))
    }

    fn chunk_offset(&self, chunk: usize) -> Option<u64> {
        match (&self.tables.stco, &self.tables.co64) {
            (Some(table), _) => table.entries.get(chunk).map(|o| u64::from(*o)),
            (None, Some(table)) => table.entries.get(chunk).copied(),
            (None, None) => None,
        }
    }
}
