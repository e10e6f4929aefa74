//! What a file turned out to be that no row is believed to speak for: a recording, a part of one, another than was sealed, or none.
//! Nothing that holds a fragment is ever removed.

use std::io;

use media::fmp4::reader::{self, Scan, ScanError};

use super::{Found, Recovery, RecoveryError, failed};
use crate::disk::{self, File, Volume};
use crate::segment::{self, Piece, Segment, VolumeId};

/// Fragments at a file's end whose media is looked at: more than may lie between two syncs.
const TAIL_FRAGMENTS: usize = 16;
/// A stretch of zeros this long and so aligned was never written: a power cut took the page. No codec emits one.
const PAGE_BYTES: usize = 4096;
/// Looks at a file that reads differently each time, before it is left alone.
const LOOKS_MAX: usize = 4;

impl Recovery<'_> {
    /// Looks at a file. `before` is what was sealed there, where a row says so: what is left of that may be less, but is no other.
    pub(super) fn file(
        &mut self,
        volume: &Volume,
        path: &str,
        before: Option<&Segment>,
    ) -> Result<Found, RecoveryError> {
        self.report.scanned += 1;
        self.tell();
        if !is_segment_path(path) {
            return self.quarantine(volume, path, "not a name of a recording");
        }
        if self.disputed.contains(&(volume.id(), path.to_owned())) {
            return self.changed(volume, path, "its hash is another than the one on the ledger");
        }
        let file = volume.open_file(path).map_err(|e| failed(volume, path, e))?;
        let length = file.bytes().map_err(|e| failed(volume, path, e))?;
        let (scan, segment) = match look_surely(volume, path, &file, length).map_err(|e| failed(volume, path, e))? {
            Looked::Recording(scan, segment) => (scan, segment),
            Looked::Headers(scan) => {
                // Only what is surely our own, and without media, is removed; anything else is somebody's.
                let ours = scan.fragments.is_empty() && (scan.note.is_some() || length == scan.init.len() as u64);
                return if ours {
                    self.remove_empty(volume, path)
                } else {
                    self.quarantine(volume, path, "MP4, but not of this recorder")
                };
            }
            Looked::Empty => return self.remove_empty(volume, path),
            Looked::Other(why) => return self.quarantine(volume, path, &why),
        };
        let mut segment = *segment;
        match before {
            Some(before) if !begins(before, &segment) => {
                return self.changed(volume, path, "its fragments are others than those that were sealed");
            }
            Some(_) if segment.fragments.is_empty() => {
                return self.quarantine(volume, path, "its first fragment was never written to the end");
            }
            None if segment.fragments.is_empty() => return self.remove_empty(volume, path),
            _ => {}
        }
        self.cut(volume, &segment, length, &scan)?;
        let mut hash = disk::hash_of(&file).map_err(|e| failed(volume, path, e))?;
        if before.and_then(|before| before.hash).is_some_and(|known| known != hash) {
            file.forget();
            hash = disk::hash_of(&file).map_err(|e| failed(volume, path, e))?;
        }
        if let Some(sealed) = before.filter(|before| before.fragments.len() == segment.fragments.len())
            && let Some(known) = sealed.hash.filter(|known| *known != hash)
        {
            return self.changed(volume, path, &format!("its BLAKE3 is {hash}, and was {known} when it was sealed"));
        }
        segment.hash = Some(hash);
        Ok(Found::Segment(Box::new(segment)))
    }

    /// Cuts off what is behind the last whole fragment.
    fn cut(&mut self, volume: &Volume, segment: &Segment, length: u64, scan: &Scan) -> Result<(), RecoveryError> {
        let path = &segment.path;
        if segment.bytes >= length {
            return Ok(());
        }
        let kept = segment.fragments.len();
        let padding = scan.torn.is_none() && kept == scan.fragments.len();
        if !padding {
            let lost_bytes = length - segment.bytes;
            let why = scan.torn.unwrap_or("pages that were never written");
            tracing::warn!(path, lost_bytes, kept, why, "a recording had a torn tail; cut to its last whole fragment");
            self.report.cut += 1;
        }
        volume.truncate_at(path, segment.bytes).map_err(|e| failed(volume, path, e))
    }

    fn remove_empty(&mut self, volume: &Volume, path: &str) -> Result<Found, RecoveryError> {
        tracing::info!(path, "a recording without a whole fragment; removed");
        self.begun = [self.begun, segment::start_of(path)].into_iter().flatten().min();
        volume.remove(path).map_err(|e| failed(volume, path, e))?;
        self.report.empty += 1;
        Ok(Found::Nothing)
    }

    fn quarantine(&mut self, volume: &Volume, path: &str, reason: &str) -> Result<Found, RecoveryError> {
        let to = volume.quarantine(path, reason).map_err(|e| failed(volume, path, e))?;
        tracing::error!(path, reason, to = %to.display(), "a file among the recordings is none; moved away");
        self.report.quarantined += 1;
        Ok(Found::Nothing)
    }

    /// It plays, but it is not what was recorded: it must not be taken for evidence, and must not be lost as such either.
    fn changed(&mut self, volume: &Volume, path: &str, reason: &str) -> Result<Found, RecoveryError> {
        let to = volume.quarantine(path, reason).map_err(|e| failed(volume, path, e))?;
        tracing::error!(path, reason, to = %to.display(), "a recording was CHANGED after it was sealed; moved away");
        self.report.changed += 1;
        Ok(Found::Nothing)
    }
}

/// What a file's bytes come to.
#[derive(PartialEq)]
enum Looked {
    /// A recording, with those of its fragments that are whole.
    Recording(Scan, Box<Segment>),
    /// MP4 without a fragment of ours.
    Headers(Scan),
    /// No byte.
    Empty,
    /// No MP4.
    Other(String),
}

/// Looks at a file, and where it is not simply whole until two looks in a row agree: what is read wrongly once must not cost what was
/// recorded. The second look asks the disk, not the memory.
fn look_surely(volume: &Volume, path: &str, file: &File, length: u64) -> io::Result<Looked> {
    let mut looked = look(volume.id(), path, file, length)?;
    for _ in 0..LOOKS_MAX {
        if matches!(&looked, Looked::Recording(_, segment) if segment.bytes == length) {
            return Ok(looked);
        }
        file.forget();
        let again = look(volume.id(), path, file, length)?;
        if std::mem::replace(&mut looked, again) == looked {
            return Ok(looked);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it reads differently each time; check the disk and the memory"))
}

fn look(volume: VolumeId, path: &str, file: &File, length: u64) -> io::Result<Looked> {
    let scan = match reader::scan(length, |offset, length| disk::read_at(file, offset, length)) {
        Ok(scan) => scan,
        Err(ScanError::Read(error)) => return Err(error),
        Err(ScanError::Empty) => return Ok(Looked::Empty),
        Err(other) => return Ok(Looked::Other(other.to_string())),
    };
    let Some(mut segment) = segment_of(volume, path, &scan) else { return Ok(Looked::Headers(scan)) };
    segment.truncate(written(file, &segment)?);
    Ok(Looked::Recording(scan, Box::new(segment)))
}

/// True where these fragments are the first of those that were sealed, all of them at most.
fn begins(sealed: &Segment, found: &Segment) -> bool {
    let place = |piece: &Piece| (piece.offset, piece.bytes, piece.start);
    let pairs = sealed.fragments.iter().map(place).zip(found.fragments.iter().map(place));
    found.fragments.len() <= sealed.fragments.len() && pairs.into_iter().all(|(sealed, found)| sealed == found)
}

/// `camera/YYYY-MM-DD/name.mp4`.
fn is_segment_path(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let day = parts.next().is_some_and(|day| day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    let name = parts.next().is_some_and(|name| name.ends_with(".mp4"));
    day && name && parts.next().is_none()
}

/// The row of a file; none where it is not of this recorder or has no fragment.
fn segment_of(volume: VolumeId, path: &str, scan: &Scan) -> Option<Segment> {
    let start = scan.fragments.first()?.start?;
    let mut segment = Segment {
        volume,
        path: path.to_owned(),
        start,
        end: start,
        bytes: 0,
        init_bytes: u32::try_from(scan.init.len()).ok()?,
        init_hash: segment::init_hash(&scan.init),
        note: scan.note?,
        sealed: true,
        hash: None,
        fragments: Vec::new(),
    };
    for f in &scan.fragments {
        let (start, keyframe) = (f.start?, f.keyframe);
        segment.add(Piece { offset: f.offset, bytes: f.bytes, start, duration_micros: f.duration_micros, keyframe });
    }
    Some(segment)
}

/// How many fragments were really written: a power cut may leave a file's length but not its last pages.
fn written(file: &File, segment: &Segment) -> io::Result<usize> {
    let skip = segment.fragments.len().saturating_sub(TAIL_FRAGMENTS);
    for (place, piece) in segment.fragments.iter().enumerate().skip(skip) {
        let bytes = disk::read_at(file, piece.offset, usize::try_from(piece.bytes).unwrap_or(usize::MAX))?;
        let lead = (PAGE_BYTES - (piece.offset % PAGE_BYTES as u64) as usize) % PAGE_BYTES;
        let pages = bytes.get(lead..).unwrap_or_default().chunks_exact(PAGE_BYTES);
        if pages.into_iter().any(|page| page.iter().all(|b| *b == 0)) {
            return Ok(place);
        }
    }
    Ok(segment.fragments.len())
}
