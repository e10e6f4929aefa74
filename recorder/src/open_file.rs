//! The file that one camera's recording is being written to, its row as it grows, and what waits for the next write.

use std::io;

use bytes::Bytes;
use media::fmp4::Fragment;
use media::id::CameraId;
use media::wall::Wall;

use crate::disk::{BLOCK_BYTES, Direct, Output, Volume, Write};
use crate::queue::Opening;
use crate::segment::{self, Piece, Segment, VolumeId};

/// Files of one camera that begin in the same millisecond, before it gives up.
const COPIES_MAX: u32 = 100;

/// A file being written.
pub(crate) struct OpenFile {
    file: Output,
    /// Its row, fragments that wait included.
    pub(crate) segment: Segment,
    /// Fragments that are durable.
    durable: usize,
    /// Fragments of those that others have been shown.
    pub(crate) shown: usize,
    /// What waits: the payloads are the hub's own, so that waiting costs no second copy.
    waiting: Vec<Bytes>,
    /// What the last block holds that was begun. The next write repeats it.
    tail: Vec<u8>,
    /// Where that block begins.
    offset: u64,
    /// Some of what was handed to the disk was given up.
    given_up: bool,
}

impl OpenFile {
    /// A new file, in which header, note and first fragment wait for the first write.
    pub(crate) fn begin(
        disk: &Direct,
        volume: VolumeId,
        camera: &CameraId,
        fragment: &Fragment,
        opening: &Opening,
    ) -> io::Result<Self> {
        let (path, file) = create(disk, camera, fragment.start)?;
        let note = Bytes::from(opening.note.encode());
        let init_bytes = opening.init.len() + note.len();
        let segment = Segment {
            volume,
            path,
            start: fragment.start,
            end: fragment.start,
            bytes: init_bytes as u64,
            init_bytes: opening.init.len() as u32,
            init_hash: segment::init_hash(&opening.init),
            note: opening.note,
            sealed: false,
            hash: None,
            fragments: Vec::new(),
        };
        let waiting = vec![opening.init.clone(), note];
        let (tail, offset, given_up) = (Vec::new(), 0, false);
        let mut open = Self { file, segment, durable: 0, shown: 0, waiting, tail, offset, given_up };
        open.add(fragment);
        Ok(open)
    }

    /// One more fragment that waits.
    pub(crate) fn add(&mut self, fragment: &Fragment) {
        self.segment.add(piece(fragment, self.segment.bytes));
        self.waiting.push(fragment.head.clone());
        self.waiting.extend(fragment.payloads.iter().cloned());
    }

    /// What is to be written; none where nothing waits.
    pub(crate) fn write(&self) -> Option<Write<'_>> {
        let write = Write { file: &self.file, offset: self.offset, head: &self.tail, slices: &self.waiting };
        (!self.waiting.is_empty()).then_some(write)
    }

    /// What waited is durable; gives the fragments that now are.
    pub(crate) fn settle(&mut self) -> &[Piece] {
        let bytes = self.tail.len() + self.waiting.iter().map(Bytes::len).sum::<usize>();
        self.tail = last_bytes(&self.tail, &self.waiting, bytes % BLOCK_BYTES);
        self.offset += (bytes - self.tail.len()) as u64;
        self.waiting.clear();
        let first = std::mem::replace(&mut self.durable, self.segment.fragments.len());
        self.segment.fragments.get(first..).unwrap_or_default()
    }

    /// What waited is given up: the row ends where the last good write did. Nothing more can be added.
    pub(crate) fn give_up(&mut self) {
        self.given_up |= !self.waiting.is_empty();
        self.waiting.clear();
        self.segment.truncate(self.durable);
    }

    /// The file ends where its row does. Gives the row, sealed; none where the file holds no fragment: then it is taken away, for
    /// on a disk that is full a camera makes one at each keyframe.
    pub(crate) fn end(mut self, volume: &Volume) -> Option<Segment> {
        if self.durable == 0 {
            if let Err(error) = volume.remove(&self.segment.path) {
                tracing::debug!(path = self.segment.path, %error, "a file without a recording stays until the next start");
            }
            return None;
        }
        // Padding that stays, or half a fragment, is cut by the next start.
        match self.file.truncate(self.segment.bytes) {
            // What was given up was hashed too: the file must be read again.
            Ok(()) => {
                let hash = (!self.given_up).then(|| self.file.hash());
                (self.segment.sealed, self.segment.hash) = (true, hash);
            }
            Err(error) => {
                tracing::debug!(path = self.segment.path, %error, "a recording keeps what lies behind its end");
            }
        }
        Some(self.segment)
    }
}

fn create(disk: &Direct, camera: &CameraId, start: Wall) -> io::Result<(String, Output)> {
    for copy in 0..COPIES_MAX {
        let path = segment::path(camera, start, copy).ok_or(io::ErrorKind::InvalidInput)?;
        match disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The last so many bytes of some pieces in a row.
fn last_bytes(head: &[u8], slices: &[Bytes], count: usize) -> Vec<u8> {
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut left = count;
    for piece in slices.iter().rev().map(|slice| &slice[..]).chain([head]) {
        let (_, last) = piece.split_at(piece.len().saturating_sub(left));
        pieces.push(last);
        left -= last.len();
        if left == 0 {
            break;
        }
    }
    pieces.into_iter().rev().flatten().copied().collect()
}

fn piece(fragment: &Fragment, offset: u64) -> Piece {
    Piece {
        offset,
        bytes: fragment.bytes,
        start: fragment.start,
        duration_micros: fragment.duration_micros,
        keyframe: fragment.keyframe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_of_pieces_in_a_row() {
        let slices = [Bytes::from_static(b"cd"), Bytes::new(), Bytes::from_static(b"efg")];
        for count in 0..=7 {
            assert_eq!(last_bytes(b"ab", &slices, count), b"abcdefg"[7 - count..]);
        }
    }
}
