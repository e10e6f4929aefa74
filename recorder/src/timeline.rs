//! What there is of a camera between two instants: recorded stretches, and gaps with their causes. From the index and from
//! what is not in it yet.

use media::id::CameraId;
use media::wall::Wall;

use crate::gap::{Gap, GapReason};
use crate::index::{Index, IndexError};
use crate::live::Live;
use crate::segment::Segment;
use crate::volumes::Volumes;

/// Most items and most gaps in one answer: a week of one camera. Ask again from the last end on.
pub const ITEMS_MAX: usize = 10_080;

/// A recorded stretch: one segment, cut to the range asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Beginning.
    pub start: Wall,
    /// End.
    pub end: Wall,
    /// Bytes on disk of the whole segment.
    pub bytes: u64,
}

/// A stretch without recording, cut to the range asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Beginning.
    pub start: Wall,
    /// End; where the gap is still open, the end of the range or now.
    pub end: Wall,
    /// Why.
    pub reason: GapReason,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Recorded stretches, in order.
    pub items: Vec<Item>,
    /// Gaps, in order.
    pub gaps: Vec<Hole>,
}

/// A camera's timeline. `now` ends what is still going on. What lies on a volume that is not there is a gap.
pub(crate) fn timeline(
    index: &Index,
    live: &Live,
    volumes: &Volumes,
    camera: &CameraId,
    from: Wall,
    to: Wall,
    now: Wall,
) -> Result<Timeline, IndexError> {
    // One fragment tells that there is something; a week of all of them would be 50 MB.
    let sketch = |mut segment: Segment| {
        segment.fragments = segment.fragments.first().copied().into_iter().collect();
        segment
    };
    let segments = gather(index, live, camera, from, to, ITEMS_MAX, sketch)?;
    let (segments, away): (Vec<Segment>, Vec<Segment>) =
        segments.into_iter().partition(|segment| volumes.readable(segment.volume).is_some());
    let item = |s: &Segment| Item { start: s.start.max(from), end: s.end.min(to), bytes: s.bytes };
    let items = segments.iter().map(item).filter(|item| item.start < item.end).collect();
    let gaps = gaps(index, live, camera, (from, to), ITEMS_MAX)?;
    let hole = |gap: Gap| Hole { start: gap.start.max(from), end: gap.end.unwrap_or(now).min(to), reason: gap.reason };
    let gone = |s: &Segment| Hole { start: s.start.max(from), end: s.end.min(to), reason: GapReason::VolumeAway };
    let gaps = gaps.into_iter().map(hole).chain(away.iter().map(gone));
    let mut gaps: Vec<Hole> = gaps.filter(|hole| hole.start < hole.end).collect();
    gaps.sort_by_key(|hole| hole.start);
    Ok(Timeline { items, gaps })
}

/// A camera's segments that touch the range, with their fragments; the open one as far as it is durable.
pub(crate) fn segments(
    index: &Index,
    live: &Live,
    camera: &CameraId,
    from: Wall,
    to: Wall,
    max: usize,
) -> Result<Vec<Segment>, IndexError> {
    gather(index, live, camera, from, to, max, |segment| segment)
}

fn gather(
    index: &Index,
    live: &Live,
    camera: &CameraId,
    from: Wall,
    to: Wall,
    max: usize,
    pick: impl FnMut(Segment) -> Segment,
) -> Result<Vec<Segment>, IndexError> {
    // What is live is read first: a segment that moves into the index meanwhile is then met twice, not missed.
    let open = live.of(camera).segment;
    let mut segments = index.segments(camera, from, to, max, pick)?;
    if let Some(open) = open.filter(|open| open.start < to) {
        segments.retain(|s| s.start != open.start || s.sealed);
        if segments.iter().all(|s| s.start != open.start) {
            segments.push(open);
        }
    }
    segments.retain(|s| s.end > from && !s.fragments.is_empty());
    segments.sort_by_key(|s| s.start);
    segments.truncate(max);
    Ok(segments)
}

/// A camera's gaps that touch the time from `from` to `to`, the open one among them; at most `max`.
pub(crate) fn gaps(
    index: &Index,
    live: &Live,
    camera: &CameraId,
    (from, to): (Wall, Wall),
    max: usize,
) -> Result<Vec<Gap>, IndexError> {
    let open = live.of(camera).gap;
    let mut gaps = index.gaps(camera, from, to, max)?;
    if let Some(open) = open.filter(|open| open.start < to) {
        gaps.retain(|gap| gap.start != open.start);
        gaps.push(open);
    }
    Ok(gaps)
}
