//! Which instants are in which file, and which are in none and why: RocksDB, one row a segment and one a gap. Files are the
//! truth; the index can be rebuilt from them (`recovery`). Every write here is durable before it returns.

mod standing;

use std::path::Path;

use media::id::CameraId;
use media::wall::Wall;
use rocksdb::{ColumnFamilyDescriptor, DB, Direction, IteratorMode, Options, WriteBatch, WriteOptions};

use crate::gap::{Gap, GapReason};
use crate::segment::Segment;

const SEGMENTS: &str = "segments";
const GAPS: &str = "gaps";
/// What is to be kept of a camera; which volume a path held; which sealed segments nobody was told of yet.
const RULES: &str = "rules";
const VOLUMES: &str = "volumes";
const UNPROVEN: &str = "unproven";
const FAMILIES: [&str; 5] = [SEGMENTS, GAPS, RULES, VOLUMES, UNPROVEN];
/// Memory for rows that are not in a file yet; a day of 500 cameras is 720,000 rows of about 500 bytes.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// Files RocksDB keeps open, so that the recorder's own files have room.
const OPEN_FILES_MAX: i32 = 256;
/// RocksDB's own logs kept.
const LOG_FILES_MAX: usize = 4;

/// Why the index failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// RocksDB said so.
    #[error("recording index: {0}")]
    Store(#[from] rocksdb::Error),
    /// The folder could not be made.
    #[error("recording index in {path}: {source}; make the folder writable")]
    Folder {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// The index.
pub struct Index {
    db: DB,
}

/// Changes that become visible and durable together.
#[derive(Default)]
pub struct Changes {
    segments: Rows,
    gaps: Rows,
    unproven: Rows,
}

/// Keys, each with its row or to be taken out.
type Rows = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl Changes {
    /// Puts a segment's row in, in place of one with the same start.
    pub fn put_segment(&mut self, camera: &CameraId, segment: &Segment) {
        self.segments.push((key(camera, segment.start), Some(segment.encode())));
    }

    /// As [`Changes::put_segment`], of one that was sealed just now: it is told of until [`Changes::proven`].
    pub fn put_sealed(&mut self, camera: &CameraId, segment: &Segment) {
        self.put_segment(camera, segment);
        self.unproven.push((key(camera, segment.start), Some(Vec::new())));
    }

    /// The segment's hash is on the record.
    pub fn proven(&mut self, camera: &CameraId, start: Wall) {
        self.unproven.push((key(camera, start), None));
    }

    /// Takes a segment's row out.
    pub fn remove_segment(&mut self, camera: &CameraId, start: Wall) {
        self.segments.push((key(camera, start), None));
    }

    /// Puts a gap's row in, in place of one with the same start.
    pub fn put_gap(&mut self, camera: &CameraId, gap: &Gap) {
        self.gaps.push((key(camera, gap.start), Some(encode_gap(gap))));
    }

    /// Takes a gap's row out.
    pub fn remove_gap(&mut self, camera: &CameraId, start: Wall) {
        self.gaps.push((key(camera, start), None));
    }

    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.gaps.is_empty() && self.unproven.is_empty()
    }
}

impl Index {
    /// Opens the index in this folder, or makes a new one.
    pub fn open(folder: &Path) -> Result<Self, IndexError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| IndexError::Folder { path: folder.display().to_string(), source })?;
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_max_open_files(OPEN_FILES_MAX);
        options.set_keep_log_file_num(LOG_FILES_MAX);
        let family = |name| {
            let mut options = Options::default();
            options.set_write_buffer_size(WRITE_BUFFER_BYTES);
            options.set_compression_type(rocksdb::DBCompressionType::Lz4);
            ColumnFamilyDescriptor::new(name, options)
        };
        let db = DB::open_cf_descriptors(&options, folder, FAMILIES.map(family))?;
        Ok(Self { db })
    }

    /// The index as it is now, to be read while the appliance that it belongs to may run.
    pub fn open_to_read(folder: &Path) -> Result<Self, IndexError> {
        let options = Options::default();
        let families = DB::list_cf(&options, folder)?;
        let known = FAMILIES.into_iter().filter(|name| families.iter().any(|family| family == name));
        Ok(Self { db: DB::open_cf_for_read_only(&options, folder, known, false)? })
    }

    /// Makes the changes, durably.
    pub fn commit(&self, changes: &Changes) -> Result<(), IndexError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        for (name, rows) in [(SEGMENTS, &changes.segments), (GAPS, &changes.gaps), (UNPROVEN, &changes.unproven)] {
            let family = self.family(name);
            for (key, row) in rows {
                match row {
                    Some(row) => batch.put_cf(&family, key, row),
                    None => batch.delete_cf(&family, key),
                }
            }
        }
        let mut durable = WriteOptions::default();
        durable.set_sync(true);
        Ok(self.db.write_opt(batch, &durable)?)
    }

    /// Makes one row durable.
    fn put(&self, family: &str, key: &[u8], row: &[u8]) -> Result<(), IndexError> {
        let mut durable = WriteOptions::default();
        durable.set_sync(true);
        Ok(self.db.put_cf_opt(&self.family(family), key, row, &durable)?)
    }

    /// A camera's segments from the last one that starts at or before `from` on, in order of their starts, as long as
    /// they start before `to`; at most `max`, and of each what `pick` keeps. Rows that cannot be read are passed over
    /// with a word in the log.
    pub fn segments<T>(
        &self,
        camera: &CameraId,
        from: Wall,
        to: Wall,
        max: usize,
        mut pick: impl FnMut(Segment) -> T,
    ) -> Result<Vec<T>, IndexError> {
        let begin = self.last_start_at_or_before(SEGMENTS, camera, from)?.unwrap_or(from);
        let rows = self.rows(SEGMENTS, camera, begin, to, max)?;
        Ok(rows.into_iter().filter_map(|(start, row)| decode_segment(camera, start, &row)).map(&mut pick).collect())
    }

    /// A camera's gaps that touch the time from `from` to `to`, in order; at most `max`.
    pub fn gaps(&self, camera: &CameraId, from: Wall, to: Wall, max: usize) -> Result<Vec<Gap>, IndexError> {
        let begin = self.last_start_at_or_before(GAPS, camera, from)?.unwrap_or(from);
        let rows = self.rows(GAPS, camera, begin, to, max)?;
        let touches = |gap: &Gap| gap.end.is_none_or(|end| end > from);
        Ok(rows.into_iter().filter_map(|(start, row)| decode_gap(start, &row)).filter(touches).collect())
    }

    /// The segment with that very start.
    pub fn segment(&self, camera: &CameraId, start: Wall) -> Result<Option<Segment>, IndexError> {
        let row = self.db.get_cf(&self.family(SEGMENTS), key(camera, start))?;
        Ok(row.and_then(|row| decode_segment(camera, start, &row)))
    }

    /// A camera's oldest segment.
    pub fn first_segment(&self, camera: &CameraId) -> Result<Option<Segment>, IndexError> {
        let rows = self.rows(SEGMENTS, camera, Wall::from_micros(i64::MIN), Wall::from_micros(i64::MAX), 1)?;
        Ok(rows.into_iter().find_map(|(start, row)| decode_segment(camera, start, &row)))
    }

    /// A camera's newest gap.
    pub fn last_gap(&self, camera: &CameraId) -> Result<Option<Gap>, IndexError> {
        self.gap_at_or_before(camera, Wall::from_micros(i64::MAX))
    }

    /// A camera's last gap that begins no later than `at`.
    pub(crate) fn gap_at_or_before(&self, camera: &CameraId, at: Wall) -> Result<Option<Gap>, IndexError> {
        let Some(start) = self.last_start_at_or_before(GAPS, camera, at)? else {
            return Ok(None);
        };
        let row = self.db.get_cf(&self.family(GAPS), key(camera, start))?;
        Ok(row.and_then(|row| decode_gap(start, &row)))
    }

    /// Every camera that has a segment or a gap.
    pub fn cameras(&self) -> Result<Vec<CameraId>, IndexError> {
        let mut cameras = Vec::new();
        for name in [SEGMENTS, GAPS] {
            let mut after = Vec::new();
            loop {
                let mode = IteratorMode::From(&after, Direction::Forward);
                let Some(first) = self.db.iterator_cf(&self.family(name), mode).next() else { break };
                let (raw, _) = first?;
                let id = raw.split(|b| *b == 0).next().unwrap_or_default();
                after = [id, &[1]].concat();
                cameras.extend(std::str::from_utf8(id).ok().and_then(|id| id.parse::<CameraId>().ok()));
            }
        }
        cameras.sort();
        cameras.dedup();
        Ok(cameras)
    }

    /// A camera's first segment from `from` on that `wanted` takes; it is asked until it gives an end.
    pub fn find_segment(
        &self,
        camera: &CameraId,
        from: Wall,
        mut wanted: impl FnMut(&Segment) -> std::ops::ControlFlow<bool>,
    ) -> Result<Option<Segment>, IndexError> {
        let begin = key(camera, from);
        for row in self.db.iterator_cf(&self.family(SEGMENTS), IteratorMode::From(&begin, Direction::Forward)) {
            let (raw, row) = row?;
            let Some(start) = start_of(camera, &raw) else { break };
            let Some(segment) = decode_segment(camera, start, &row) else { continue };
            if let std::ops::ControlFlow::Break(found) = wanted(&segment) {
                return Ok(found.then_some(segment));
            }
        }
        Ok(None)
    }

    /// Calls `visit` with each of a camera's segments that may touch the time from `from` to `to`, in order, without its fragments.
    pub fn each_sketch(
        &self,
        camera: &CameraId,
        from: Wall,
        to: Wall,
        mut visit: impl FnMut(&Segment),
    ) -> Result<(), IndexError> {
        let begin = key(camera, self.last_start_at_or_before(SEGMENTS, camera, from)?.unwrap_or(from));
        for row in self.db.iterator_cf(&self.family(SEGMENTS), IteratorMode::From(&begin, Direction::Forward)) {
            let (raw, row) = row?;
            let Some(_) = start_of(camera, &raw).filter(|start| *start < to) else { break };
            if let Some(segment) = Segment::decode_sketch(&row).filter(|segment| segment.end > from) {
                visit(&segment);
            }
        }
        Ok(())
    }

    /// Calls `visit` with each of a camera's segments, in order, without holding them all. A row that cannot be read
    /// comes as its start alone.
    pub fn each_segment(
        &self,
        camera: &CameraId,
        mut visit: impl FnMut(Wall, Option<Segment>),
    ) -> Result<(), IndexError> {
        let begin = key(camera, Wall::from_micros(i64::MIN));
        for row in self.db.iterator_cf(&self.family(SEGMENTS), IteratorMode::From(&begin, Direction::Forward)) {
            let (raw, row) = row?;
            let Some(start) = start_of(camera, &raw) else { break };
            visit(start, Segment::decode(&row));
        }
        Ok(())
    }

    fn family(&self, name: &str) -> std::sync::Arc<rocksdb::BoundColumnFamily<'_>> {
        self.db.cf_handle(name).expect("all column families are made when the index is opened")
    }

    fn last_start_at_or_before(&self, name: &str, camera: &CameraId, at: Wall) -> Result<Option<Wall>, IndexError> {
        let key = key(camera, at);
        let mode = IteratorMode::From(&key, Direction::Reverse);
        match self.db.iterator_cf(&self.family(name), mode).next() {
            Some(row) => Ok(start_of(camera, &row?.0)),
            None => Ok(None),
        }
    }

    #[allow(clippy::type_complexity, reason = "a start and its row; a name for it would say no more")]
    fn rows(
        &self,
        name: &str,
        camera: &CameraId,
        from: Wall,
        to: Wall,
        max: usize,
    ) -> Result<Vec<(Wall, Box<[u8]>)>, IndexError> {
        let begin = key(camera, from);
        let mut rows = Vec::new();
        for row in self.db.iterator_cf(&self.family(name), IteratorMode::From(&begin, Direction::Forward)) {
            let (raw, row) = row?;
            let Some(start) = start_of(camera, &raw).filter(|start| *start < to) else { break };
            if rows.len() >= max {
                break;
            }
            rows.push((start, row));
        }
        Ok(rows)
    }
}

/// The camera, a zero byte, and the start with its sign bit turned, so that keys sort as times do.
fn key(camera: &CameraId, start: Wall) -> Vec<u8> {
    let mut key = Vec::with_capacity(camera.as_str().len() + 9);
    key.extend_from_slice(camera.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(&((start.micros() as u64) ^ (1 << 63)).to_be_bytes());
    key
}

/// The start in a key of this camera; none where the key is another camera's.
fn start_of(camera: &CameraId, key: &[u8]) -> Option<Wall> {
    let rest = key.strip_prefix(camera.as_str().as_bytes())?.strip_prefix(&[0])?;
    let start = u64::from_be_bytes(rest.try_into().ok()?) ^ (1 << 63);
    Some(Wall::from_micros(start as i64))
}

fn decode_segment(camera: &CameraId, start: Wall, row: &[u8]) -> Option<Segment> {
    let segment = Segment::decode(row);
    if segment.is_none() {
        tracing::error!(%camera, ?start, "a row of the recording index cannot be read; a restart rebuilds it from its file");
    }
    segment
}

/// Version, end (the start's own value where the gap is open), reason.
fn encode_gap(gap: &Gap) -> Vec<u8> {
    let mut row = vec![1, u8::from(gap.end.is_some())];
    row.extend(gap.end.unwrap_or(gap.start).micros().to_be_bytes());
    row.extend_from_slice(gap.reason.as_str().as_bytes());
    row
}

fn decode_gap(start: Wall, row: &[u8]) -> Option<Gap> {
    let ([1, closed], rest) = row.split_first_chunk::<2>()? else { return None };
    let (end, reason) = rest.split_first_chunk::<8>()?;
    let end = (*closed == 1).then(|| Wall::from_micros(i64::from_be_bytes(*end)));
    Some(Gap { start, end, reason: GapReason::from_word(std::str::from_utf8(reason).ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(seconds: i64) -> Wall {
        Wall::from_micros(seconds * 1_000_000)
    }

    fn segment(start: i64, end: i64) -> Segment {
        Segment {
            volume: crate::segment::VolumeId(1),
            path: format!("{start}.mp4"),
            start: wall(start),
            end: wall(end),
            bytes: 10,
            init_bytes: 5,
            init_hash: 1,
            note: media::fmp4::Note { run_origin: Wall::EPOCH, base_micros: 0 },
            sealed: true,
            hash: None,
            fragments: Vec::new(),
        }
    }

    #[test]
    fn ranges_take_the_segment_that_is_under_way_and_stay_with_their_camera() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path()).unwrap();
        let ids: Vec<CameraId> = ["a", "ab", "b"].iter().map(|id| id.parse().unwrap()).collect();
        let mut changes = Changes::default();
        for id in &ids {
            for start in [-60, 0, 60, 120] {
                changes.put_segment(id, &segment(start, start + 60));
            }
        }
        index.commit(&changes).unwrap();
        let starts = |from, to| -> Vec<i64> {
            let found = index.segments(&ids[1], wall(from), wall(to), 100, |s| s).unwrap();
            found.iter().map(|s| s.start.micros() / 1_000_000).collect()
        };
        assert_eq!(starts(10, 70), [0, 60]);
        assert_eq!(starts(-1000, 1000), [-60, 0, 60, 120]);
        assert_eq!(starts(60, 60), Vec::<i64>::new());
        assert_eq!(index.cameras().unwrap(), ids);
        assert_eq!(index.first_segment(&ids[2]).unwrap().unwrap().start, wall(-60));
    }

    #[test]
    fn gaps_are_found_by_overlap_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let id: CameraId = "a".parse().unwrap();
        let closed = Gap { start: wall(10), end: Some(wall(20)), reason: GapReason::DiskSlow };
        let open = Gap { start: wall(30), end: None, reason: GapReason::Camera("camera_timeout".into()) };
        {
            let index = Index::open(folder.path()).unwrap();
            let mut changes = Changes::default();
            changes.put_gap(&id, &closed);
            changes.put_gap(&id, &open);
            index.commit(&changes).unwrap();
        }
        let index = Index::open(folder.path()).unwrap();
        assert_eq!(index.gaps(&id, wall(15), wall(16), 10).unwrap(), std::slice::from_ref(&closed));
        assert_eq!(index.gaps(&id, wall(20), wall(25), 10).unwrap(), []);
        assert_eq!(index.gaps(&id, wall(0), wall(99), 10).unwrap(), [closed, open.clone()]);
        assert_eq!(index.last_gap(&id).unwrap(), Some(open));
    }
}
