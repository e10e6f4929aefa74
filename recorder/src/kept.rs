//! What is kept of a camera between two instants, however far apart: how much is recorded, what is missing, and what was there once.

use media::id::CameraId;
use media::wall::Wall;

use crate::gap::GapReason;
use crate::index::{Index, IndexError};
use crate::live::Live;
use crate::timeline::{self, Hole};
use crate::volumes::Volumes;

/// What is kept of a camera between two instants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Time that is recorded; what is recorded twice counts once.
    pub covered_micros: i64,
    /// Time that is not, and why, in order.
    pub gaps: Vec<Hole>,
    /// Where its oldest recording begins, whenever that is.
    pub oldest: Option<Wall>,
    /// Time that was recorded once and is not there: damaged, or on a volume that is away.
    pub lost_micros: i64,
}

/// Adds up. `now` ends what is still going on. Reads each row of the time, but not its fragments.
pub(crate) fn kept(
    index: &Index,
    live: &Live,
    volumes: &Volumes,
    camera: &CameraId,
    (from, to): (Wall, Wall),
    now: Wall,
) -> Result<Kept, IndexError> {
    let open = live.of(camera).segment;
    let (mut covered_micros, mut until, mut away) = (0, from, Vec::new());
    let mut take = |start: Wall, end: Wall, there: bool| {
        let (start, end) = (start.max(until), end.min(to));
        if start >= end {
            return;
        }
        until = end;
        if there {
            covered_micros += end.micros_since(start);
        } else {
            away.push(Hole { start, end, reason: GapReason::VolumeAway });
        }
    };
    index.each_sketch(camera, from, to, |segment| {
        // What is open says in memory how far it is.
        if open.as_ref().is_none_or(|open| open.start != segment.start) {
            take(segment.start, segment.end, volumes.readable(segment.volume).is_some());
        }
    })?;
    if let Some(open) = &open {
        take(open.start, open.end, true);
    }
    let hole = |gap: crate::gap::Gap| Hole {
        start: gap.start.max(from),
        end: gap.end.unwrap_or(now).min(to),
        reason: gap.reason,
    };
    let gaps = timeline::gaps(index, live, camera, from, to)?.into_iter().map(hole).chain(away);
    let mut gaps: Vec<Hole> = gaps.filter(|hole| hole.start < hole.end).collect();
    gaps.sort_by_key(|hole| hole.start);
    let lost = |hole: &&Hole| matches!(hole.reason, GapReason::Damaged | GapReason::VolumeAway);
    let lost_micros = gaps.iter().filter(lost).map(|hole| hole.end.micros_since(hole.start)).sum();
    let oldest = index.first_segment(camera)?.map(|segment| segment.start);
    Ok(Kept { covered_micros, gaps, oldest, lost_micros })
}
