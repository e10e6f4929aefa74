//! The file that one camera's recording is being written to, and its row as it grows.

use std::fs::File;
use std::io;

use bytes::Bytes;
use media::fmp4::Fragment;
use media::id::CameraId;
use media::wall::Wall;

use crate::disk::Disk;
use crate::queue::Opening;
use crate::segment::{self, Piece, Segment};

/// Files of one camera that begin in the same millisecond, before it gives up.
const COPIES_MAX: u32 = 100;

/// A file being written.
pub(crate) struct OpenFile {
    file: File,
    /// Its row, fragments that are not durable yet included.
    pub(crate) segment: Segment,
    /// Fragments that a sync has covered.
    pub(crate) durable: usize,
}

impl OpenFile {
    /// A new file: header, note and first fragment in one append.
    pub(crate) fn begin(
        disk: &impl Disk,
        camera: &CameraId,
        fragment: &Fragment,
        opening: &Opening,
    ) -> io::Result<Self> {
        let (path, mut file) = create(disk, camera, fragment.start)?;
        let note = Bytes::from(opening.note.encode());
        let offset = (opening.init.len() + note.len()) as u64;
        let slices: Vec<Bytes> = [opening.init.clone(), note].into_iter().chain(slices(fragment)).collect();
        let mut segment = Segment {
            path,
            start: fragment.start,
            end: fragment.start,
            bytes: 0,
            init_bytes: opening.init.len() as u32,
            init_hash: segment::init_hash(&opening.init),
            note: opening.note,
            sealed: false,
            fragments: Vec::new(),
        };
        if let Err(error) = disk.append(&mut file, &slices) {
            // An empty file is removed by the next start; half a header would be somebody's file.
            let _ = disk.truncate(&file, 0);
            return Err(error);
        }
        segment.add(piece(fragment, offset));
        Ok(Self { file, segment, durable: 0 })
    }

    /// One more fragment at the end.
    pub(crate) fn append(&mut self, disk: &impl Disk, fragment: &Fragment) -> io::Result<()> {
        let offset = self.segment.bytes;
        let slices: Vec<Bytes> = slices(fragment).collect();
        if let Err(error) = disk.append(&mut self.file, &slices) {
            // What was appended before the failure is no whole fragment. Where cutting fails too, the next start does it.
            let _ = disk.truncate(&self.file, offset);
            return Err(error);
        }
        self.segment.add(piece(fragment, offset));
        Ok(())
    }
}

fn create(disk: &impl Disk, camera: &CameraId, start: Wall) -> io::Result<(String, File)> {
    for copy in 0..COPIES_MAX {
        let path = segment::path(camera, start, copy).ok_or(io::ErrorKind::InvalidInput)?;
        match disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (path, file)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn slices(fragment: &Fragment) -> impl Iterator<Item = Bytes> {
    std::iter::once(fragment.head.clone()).chain(fragment.payloads.iter().cloned())
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
