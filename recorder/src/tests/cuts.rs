//! The power goes in every single operation of a script, each time in a fresh start: nothing that was durable is lost, at most
//! the last second is, and what is left is clean.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytes::Bytes;
use media::fmp4::reader;
use media::wall::{Clock as _, Wall};

use super::rig::{Cut, Mood, PowerCut, RATE, Rig, at, frame};

/// Seconds of the script: past the first segment's end.
const SECONDS: i64 = 64;
/// Operations that the script must have at least: a write a second.
const OPERATIONS_MIN: usize = 64;

fn script(rig: &mut Rig) {
    for n in 0..SECONDS * RATE {
        if n % RATE == RATE - 1 { rig.visit_at(frame(n)) } else { rig.send_frame(frame(n)) }
    }
}

fn cut_everywhere(cut: Cut) {
    for place in 0.. {
        let mut rig = Rig::new();
        *rig.mood.lock() = Mood::Dying(place, cut);
        match catch_unwind(AssertUnwindSafe(|| script(&mut rig))) {
            Ok(()) => return assert!(place >= OPERATIONS_MIN, "only {place} operations"),
            Err(what) if what.is::<PowerCut>() => {}
            Err(defect) => resume_unwind(defect),
        }
        let gone_at = rig.clock.wall();
        let rig = rig.restart();
        assert_eq!((rig.report.quarantined, rig.report.lost), (0, 0), "{cut:?} in operation {place}");
        whole_up_to(&rig, gone_at, &format!("{cut:?} in operation {place}"));
        let again = rig.restart().report;
        assert_eq!(
            (again.cut, again.quarantined, again.lost, again.empty),
            (0, 0, 0, 0),
            "{cut:?} in operation {place}"
        );
    }
}

/// What is recorded is what was sent, frame for frame; it begins with the first one, has no hole, and ends at most a second before the power went.
fn whole_up_to(rig: &Rig, gone_at: Wall, place: &str) {
    let (mut until, mut frames) = (at(0.0), 0..);
    for segment in rig.segments() {
        let bytes = Bytes::from(std::fs::read(rig.path(&segment)).unwrap());
        let scan = reader::scan_bytes(&bytes).unwrap_or_else(|error| panic!("{place}: {}: {error}", segment.path));
        assert_eq!((scan.torn, scan.valid_bytes), (None, segment.bytes), "{place}: {}", segment.path);
        assert_eq!(scan.fragments.len(), segment.fragments.len(), "{place}: {}", segment.path);
        for (piece, found) in segment.fragments.iter().zip(&scan.fragments) {
            let end = (found.offset + found.bytes) as usize;
            let mut media = &bytes[end - found.tracks[0].bytes as usize..end];
            for n in frames.by_ref().take(found.tracks[0].samples) {
                let (sent, rest) = media.split_at(frame(n).payload.len());
                assert!(sent == frame(n).payload, "{place}: frame {n}");
                media = rest;
            }
            assert!(piece.start.micros_since(until).abs() <= 1, "{place}: a hole at {until:?}");
            until = piece.end();
        }
    }
    let lost = gone_at.micros_since(until);
    assert!(lost <= 1_000_000, "{place}: {lost} µs are lost");
}

#[test]
fn the_power_goes_and_the_operation_never_was() {
    cut_everywhere(Cut::Lost);
}

#[test]
fn the_power_goes_and_half_of_the_blocks_are_there() {
    cut_everywhere(Cut::Torn);
}

#[test]
fn the_power_goes_before_anybody_hears_that_all_is_well() {
    cut_everywhere(Cut::Unheard);
}
