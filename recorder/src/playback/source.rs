//! One recording file that is read for playing: opened once, so that what is deleted meanwhile can still be read to its end, and read
//! in bounded parts. Deliberately absent: what becomes of the bytes.

use std::io;

use bytes::Bytes;
use media::fmp4::{self, reader};

use super::PlaybackError;
use crate::disk::{self, File};
use crate::segment::{self, Segment};
use crate::volumes::Volumes;

/// Longest fragment that is read into memory.
const FRAGMENT_BYTES_MAX: u64 = 64 << 20;
/// Bytes read at a fragment's beginning for its head: most heads whole.
const HEAD_WINDOW_BYTES: usize = 4096;

/// A segment's file.
pub(super) struct Source {
    file: File,
    path: String,
}

impl Source {
    /// The file of this segment. `NoSuchPiece` where it has been deleted, or its volume is not there.
    pub(super) fn open(volumes: &Volumes, segment: &Segment) -> Result<Self, PlaybackError> {
        let path = segment.path.clone();
        let volume = volumes.readable(segment.volume).ok_or(PlaybackError::NoSuchPiece)?;
        match volume.open_file(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(PlaybackError::NoSuchPiece),
            Err(source) => Err(PlaybackError::Read { path, source }),
        }
    }

    /// ftyp and moov, as they were written: everything behind is read by them.
    pub(super) fn init(&self, segment: &Segment) -> Result<Bytes, PlaybackError> {
        let init = self.read(0, u64::from(segment.init_bytes))?;
        if segment::init_hash(&init) == segment.init_hash { Ok(init) } else { Err(self.damaged()) }
    }

    /// The tracks of the segment's header.
    pub(super) fn tracks(&self, segment: &Segment) -> Result<Vec<reader::TrackHeader>, PlaybackError> {
        Ok(reader::scan_bytes(&self.init(segment)?).map_err(|_| self.damaged())?.tracks)
    }

    /// The head of a fragment, and a little of what follows.
    pub(super) fn head(&self, offset: u64, stored_bytes: u64) -> Result<Bytes, PlaybackError> {
        let window = self.read(offset, stored_bytes.min(HEAD_WINDOW_BYTES as u64))?;
        match fmp4::head_bytes(&window) {
            Some(bytes) if bytes <= window.len() => Ok(window),
            Some(bytes) if bytes as u64 <= stored_bytes => self.read(offset, bytes as u64),
            _ => Err(self.damaged()),
        }
    }

    /// So many bytes and no fewer.
    pub(super) fn read(&self, offset: u64, bytes: u64) -> Result<Bytes, PlaybackError> {
        let length = usize::try_from(bytes).ok().filter(|_| bytes <= FRAGMENT_BYTES_MAX);
        let length = length.ok_or_else(|| self.damaged())?;
        let read = disk::read_at(&self.file, offset, length)
            .map_err(|source| PlaybackError::Read { path: self.path.clone(), source })?;
        if read.len() == length { Ok(read) } else { Err(self.damaged()) }
    }

    /// It is not what the index says.
    pub(super) fn damaged(&self) -> PlaybackError {
        PlaybackError::Damaged { path: self.path.clone() }
    }
}
