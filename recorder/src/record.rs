//! What the recorder has put on the record, by whoever keeps one: each sealed segment's hash, and each deletion before it is made.

use media::id::CameraId;
use media::wall::Wall;

use crate::index::{Changes, Index, IndexError};
use crate::segment::{Hash, VolumeId};

/// Segments told of at once: a record of them stays well below 64 KiB.
pub const SEALED_MAX: usize = 128;

/// A segment that nothing will be added to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Whose recording.
    pub camera: CameraId,
    /// The volume it is on.
    pub volume: VolumeId,
    /// Path below the volume's root.
    pub path: String,
    /// Its beginning.
    pub start: Wall,
    /// Its end.
    pub end: Wall,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of the file.
    pub hash: Hash,
}

/// Why a recording was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was past its ceiling.
    Age,
    /// The volume had reached its bound, or had too little room left, and this was furthest above its floor.
    VolumeFull,
}

impl Why {
    /// One word, as in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::VolumeFull => "volume_full",
        }
    }
}

/// A deletion that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Whose recording.
    pub camera: CameraId,
    /// Its beginning.
    pub start: Wall,
    /// Its end.
    pub end: Wall,
    /// Bytes freed.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// Whoever keeps the record. Both calls block until it is durable.
pub trait Record: Send + 'static {
    /// These were sealed. False where that cannot be put on the record now: they are told again.
    fn sealed(&mut self, segments: &[Sealed]) -> bool;
    /// This one is about to be deleted. False where that cannot be put on the record now: it stays.
    fn deleting(&mut self, deleted: &Deleted) -> bool;
}

/// Tells of what was sealed since until this one is told of. False where that cannot be put on the record now.
pub(crate) fn tell_of(
    index: &Index,
    record: &mut dyn Record,
    camera: &CameraId,
    start: Wall,
) -> Result<bool, IndexError> {
    while index.is_unproven(camera, start)? {
        if !tell(index, record)? && index.is_unproven(camera, start)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells of what was sealed since. True where there may be more.
pub(crate) fn tell(index: &Index, record: &mut dyn Record) -> Result<bool, IndexError> {
    let untold = index.unproven(SEALED_MAX)?;
    let (mut sealed, mut changes) = (Vec::new(), Changes::default());
    for (camera, start) in &untold {
        changes.proven(camera, *start);
        let Some(segment) = index.segment(camera, *start)? else { continue };
        let Some(hash) = segment.hash.filter(|_| segment.sealed) else { continue };
        let (camera, volume, bytes) = (camera.clone(), segment.volume, segment.bytes);
        sealed.push(Sealed { camera, volume, path: segment.path, start: *start, end: segment.end, bytes, hash });
    }
    if !sealed.is_empty() && !record.sealed(&sealed) {
        return Ok(false);
    }
    index.commit(&changes)?;
    Ok(untold.len() == SEALED_MAX)
}
