//! What a check costs in files and bytes: told before it begins, as well as the index knows, and better the further it is.

use media::id::CameraId;

use super::Depth;
use crate::index::{Index, IndexError};
use crate::segment::Segment;

/// Read of each fragment for its boxes, before it is known better: a window at its prft, its moof and its mdat.
const FRAGMENT_BYTES: u64 = 3 * 4096;

/// How far a check is, and how far it will go as it is reckoned now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Recordings that were looked at.
    pub files: u64,
    /// All that are to be.
    pub files_all: u64,
    /// Bytes of them that were read.
    pub bytes: u64,
    /// All that will have been: an estimate, but for the media.
    pub bytes_all: u64,
}

/// Counts the work as it is done.
pub(super) struct Meter<'a> {
    depth: Depth,
    done: Work,
    all: Work,
    /// Recordings that are being written.
    open: u64,
    /// Read for boxes.
    heads: u64,
    tell: &'a mut dyn FnMut(Progress),
}

/// Sealed recordings.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    files: u64,
    fragments: u64,
    bytes: u64,
}

impl Work {
    fn add(&mut self, segment: &Segment) {
        self.files += 1;
        self.fragments += segment.fragments.len() as u64;
        self.bytes += segment.bytes;
    }
}

impl<'a> Meter<'a> {
    /// Knows the price, and tells it.
    pub(super) fn priced(
        rows: &Index,
        cameras: &[CameraId],
        depth: Depth,
        tell: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, IndexError> {
        let mut meter = Self::new(depth, tell);
        for camera in cameras {
            rows.each_segment(camera, |_, row| row.iter().filter(|row| row.sealed).for_each(|row| meter.all.add(row)))?;
        }
        meter.tell();
        Ok(meter)
    }

    /// Of a look at something once more.
    pub(super) fn new(depth: Depth, tell: &'a mut dyn FnMut(Progress)) -> Self {
        Self { depth, done: Work::default(), all: Work::default(), open: 0, heads: 0, tell }
    }

    /// So many bytes were read for boxes.
    pub(super) fn read(&mut self, bytes: usize) {
        self.heads += bytes as u64;
    }

    /// This one was looked at.
    pub(super) fn looked_at(&mut self, segment: &Segment) {
        if segment.sealed {
            self.done.add(segment);
            self.tell();
        } else {
            self.open += 1;
        }
    }

    /// Nothing is left, whatever was reckoned. Gives sealed recordings, open ones, and the bytes of the sealed ones.
    pub(super) fn end(mut self) -> (u64, u64, u64) {
        self.all = self.done;
        self.tell();
        (self.done.files, self.open, self.done.bytes)
    }

    fn tell(&mut self) {
        let progress = self.progress();
        (self.tell)(progress);
    }

    fn progress(&self) -> Progress {
        let left = self.all.fragments.saturating_sub(self.done.fragments);
        let each = self.heads.checked_div(self.done.fragments).unwrap_or(FRAGMENT_BYTES);
        let (heads, heads_all) =
            if self.depth < Depth::Structure { (0, 0) } else { (self.heads, self.heads + left * each) };
        let (media, media_all) = if self.depth < Depth::Hash { (0, 0) } else { (self.done.bytes, self.all.bytes) };
        Progress {
            files: self.done.files,
            files_all: self.all.files.max(self.done.files),
            bytes: heads + media,
            bytes_all: heads_all + media_all.max(media),
        }
    }
}
