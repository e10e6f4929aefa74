//! What is kept of a camera between two instants, however far apart: how much is recorded, what is missing and why, and what was
//! there once. No instant is told of twice, so that what is left of the time is what nobody can explain.

use std::collections::BTreeMap;

use media::id::CameraId;
use media::wall::Wall;

use crate::coverage::HOLE_MICROS_MAX;
use crate::gap::{Gap, GapReason};
use crate::index::{Index, IndexError};
use crate::live::Live;
use crate::timeline::{self, Hole};
use crate::volumes::Volumes;

/// What is kept of a camera between two instants. Time that is in none of these is unexplained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Time that is recorded; what is recorded twice counts once.
    pub covered_micros: i64,
    /// Time in holes that are too short to be gaps: late frames, and last frames whose length was guessed.
    pub short_micros: i64,
    /// Time that is not recorded, and why, in order.
    pub gaps: Vec<Hole>,
    /// Where its oldest recording begins, whenever that is.
    pub oldest: Option<Wall>,
    /// Of the gaps, what was recorded once and is not there: damaged, deleted, or on a volume that is away.
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
    let mut account = Account::new(from, to);
    index.each_sketch(camera, from, to, |segment| {
        // What is open says in memory how far it is.
        if open.as_ref().is_none_or(|open| open.start != segment.start) {
            account.take(segment.start, segment.end, volumes.readable(segment.volume).is_some());
        }
    })?;
    if let Some(open) = &open {
        account.take(open.start, open.end, true);
    }
    account.hole_before(to);
    let hole = |gap: Gap| Hole { start: gap.start, end: gap.end.unwrap_or(now), reason: gap.reason };
    // All of them: what is not told of would count as unexplained.
    let told = timeline::gaps(index, live, camera, (from, to), usize::MAX)?;
    let mut told: Vec<Hole> = told.into_iter().map(hole).filter(|gap| gap.reason != GapReason::Unknown).collect();
    told.sort_by_key(|gap| gap.start);
    let oldest = index.first_segment(camera)?.map(|segment| segment.start);
    Ok(Kept { oldest, ..account.explained(&told).kept })
}

/// What neither the recordings, by their beginnings with their ends, nor the gaps tell of between the first recording and the last.
pub(crate) fn unexplained(recorded: &BTreeMap<Wall, Wall>, told: Vec<Gap>) -> Vec<(Wall, Wall)> {
    let (Some((first, _)), Some(last)) = (recorded.first_key_value(), recorded.values().max()) else {
        return Vec::new();
    };
    let mut account = Account::new(*first, *last);
    recorded.iter().for_each(|(start, end)| account.take(*start, *end, true));
    let hole = |gap: Gap| Hole { start: gap.start, end: gap.end.unwrap_or(*last), reason: gap.reason };
    account.explained(&told.into_iter().map(hole).collect::<Vec<_>>()).unexplained
}

/// The time so far.
struct Account {
    until: Wall,
    to: Wall,
    kept: Kept,
    /// What no recording speaks of, in order.
    holes: Vec<(Wall, Wall)>,
    /// What nothing speaks of, in order.
    unexplained: Vec<(Wall, Wall)>,
}

impl Account {
    fn new(from: Wall, to: Wall) -> Self {
        Self { until: from, to, kept: Kept::default(), holes: Vec::new(), unexplained: Vec::new() }
    }

    /// A recording, no earlier than those before it. Where it is not there, its volume is away.
    fn take(&mut self, start: Wall, end: Wall, there: bool) {
        let (start, end) = (start.max(self.until), end.min(self.to));
        if start >= end {
            return;
        }
        self.hole_before(start);
        self.until = end;
        if there {
            self.kept.covered_micros += end.micros_since(start);
        } else {
            self.kept.gaps.push(Hole { start, end, reason: GapReason::VolumeAway });
        }
    }

    fn hole_before(&mut self, start: Wall) {
        if self.until < start {
            self.holes.push((self.until, start));
        }
    }

    /// Gives each hole the reasons that are told of it, in order of their beginnings.
    fn explained(mut self, mut told: &[Hole]) -> Self {
        for (start, end) in std::mem::take(&mut self.holes) {
            while let Some((_, later)) = told.split_first().filter(|(first, _)| first.end <= start) {
                told = later;
            }
            let mut at = start;
            for gap in told.iter().take_while(|gap| gap.start < end).filter(|gap| gap.end > start) {
                let (from, to) = (gap.start.max(at), gap.end.min(end));
                if from < to {
                    self.untold(at, from);
                    self.kept.gaps.push(Hole { start: from, end: to, reason: gap.reason.clone() });
                    at = to;
                }
            }
            self.untold(at, end);
        }
        self.kept.gaps.sort_by_key(|gap| gap.start);
        let lost = self.kept.gaps.iter().filter(|gap| gap.reason.is_loss());
        self.kept.lost_micros = lost.map(|gap| gap.end.micros_since(gap.start)).sum();
        self
    }

    /// Nobody tells of this time, which is as it should be where it is short.
    fn untold(&mut self, start: Wall, end: Wall) {
        let micros = end.micros_since(start);
        if micros <= HOLE_MICROS_MAX {
            self.kept.short_micros += micros;
        } else {
            self.unexplained.push((start, end));
        }
    }
}
