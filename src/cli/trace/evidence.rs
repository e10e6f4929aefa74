//! The marks of one file: those that the appliance made by session, the others as so many at such places. A mark that does not
//! prove itself is never held against anybody, whatever it says.

use std::collections::BTreeMap;

use media::mark::{MarkKey, SessionMark};
use media::trace::{Kind, Mark, Place};
use media::wall::Wall;

/// Places of refused marks that are kept; the rest are counted.
const REFUSED_PLACES_MAX: usize = 20;

/// What the file holds.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// What it was taken for, once it has been read.
    pub(super) kind: Option<Kind>,
    /// Its length.
    pub(super) bytes: u64,
    /// Proven marks. Only the appliance can have made one, so that there are no more than it had sessions.
    pub(super) sessions: BTreeMap<SessionMark, Marks>,
    /// Marks that are not proven, and where the first of them are.
    pub(super) refused: u64,
    pub(super) refused_places: Vec<Place>,
}

/// The marks of one session.
#[derive(Debug)]
pub(super) struct Marks {
    pub(super) count: u64,
    /// The first place in the file.
    pub(super) place: Place,
    /// Earliest and latest instant that they name.
    pub(super) times: (Wall, Wall),
}

impl Evidence {
    /// Takes a mark as it was found.
    pub(super) fn take(&mut self, key: &MarkKey, mark: &Mark) {
        let Ok(reading) = key.read(&mark.text) else {
            self.refused += 1;
            if self.refused_places.len() < REFUSED_PLACES_MAX {
                self.refused_places.push(mark.place);
            }
            return;
        };
        let new = Marks { count: 0, place: mark.place, times: (reading.at, reading.at) };
        let marks = self.sessions.entry(reading.session).or_insert(new);
        marks.count += 1;
        // Captured TCP gives them out of the file's order.
        marks.place = marks.place.min(mark.place);
        marks.times = (marks.times.0.min(reading.at), marks.times.1.max(reading.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_gathered_by_session_and_foreign_ones_only_counted() {
        let (ours, theirs) = (MarkKey::new(&[1; 32]), MarkKey::new(&[2; 32]));
        let (one, other) = (SessionMark([1; 16]), SessionMark([2; 16]));
        let second = |n: i64| Wall::from_micros(n * 1_000_000);
        let mut evidence = Evidence::default();
        let mut take = |at: u64, key: &MarkKey, session, time| {
            let place = Place { at, packet: None };
            evidence.take(&ours, &Mark { place, text: key.write(session, second(time)) });
        };
        take(500, &ours, one, 7);
        take(300, &ours, one, 9);
        take(900, &ours, one, 8);
        take(700, &ours, other, 1);
        (0..30).for_each(|n| take(n, &theirs, one, 1));
        let found = &evidence.sessions[&one];
        assert_eq!((found.count, found.place.at, found.times), (3, 300, (second(7), second(9))));
        assert_eq!((evidence.sessions[&other].count, evidence.sessions.len()), (1, 2));
        assert_eq!((evidence.refused, evidence.refused_places.len()), (30, REFUSED_PLACES_MAX));
    }
}
