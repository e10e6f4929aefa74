//! What the ledger had been told of recordings before they were exported: the hash of each as it was sealed. An entry is looked
//! for by its time, since the ledger is in the order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use media::wall::Wall;
use recorder::playback::extract;

use super::manifest::{Source, Standing};
use crate::ledger::{Event, Kind, Ledger, LedgerError, READ_ENTRIES_MAX};
use crate::stamp::Stamp;

/// A segment is sealed at its end, a clock that was set aside: so long before its beginning the search begins.
const BEFORE: Duration = Duration::from_secs(600);
/// And so long after its end it gives up: a recovery at a start seals what a crash left.
const AFTER: Duration = Duration::from_secs(86_400);
/// Entries read for one export at most: a day of a site of a thousand cameras.
const ENTRIES_READ_MAX: u64 = 500_000;

/// A hash on the ledger.
struct Known {
    entry: u64,
    at: Stamp,
    blake3: String,
}

/// The sources as the manifest has them. Blocks on file reads.
pub(super) fn with_standing(ledger: &Ledger, sources: &[extract::Source]) -> Result<Vec<Source>, LedgerError> {
    let mut known = known(ledger, sources)?;
    let source = |source: &extract::Source| {
        let ledger = match known.remove(&place(source)) {
            None => Standing::NotOnLedger {},
            Some(k) if k.blake3 == source.blake3 => Standing::Unchanged { entry: k.entry, at: k.at },
            Some(k) => Standing::Changed { entry: k.entry, at: k.at, blake3: k.blake3 },
        };
        Source {
            path: source.path.clone(),
            from: source.start.into(),
            to: source.end.into(),
            bytes: source.bytes,
            blake3: source.blake3.clone(),
            sealed: source.sealed,
            ledger,
        }
    };
    Ok(sources.iter().map(source).collect())
}

/// A file's volume and path.
type Place = (String, String);

fn place(source: &extract::Source) -> Place {
    (source.volume.clone(), source.path.clone())
}

fn known(ledger: &Ledger, sources: &[extract::Source]) -> Result<BTreeMap<Place, Known>, LedgerError> {
    let mut found = BTreeMap::new();
    let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return Ok(found) };
    let (from, until) = (first.start - BEFORE, last.end + AFTER);
    let mut next = first_at(ledger, from)?;
    let end = next.saturating_add(ENTRIES_READ_MAX).min(ledger.size());
    while next < end && found.len() < sources.len() {
        let entries = ledger.read(next, READ_ENTRIES_MAX)?;
        let Some(newest) = entries.last() else { break };
        next = newest.index + 1;
        for entry in &entries {
            let Ok(event) = entry.event() else { continue };
            if event.at.0 > until {
                return Ok(found);
            }
            take(&event, entry.index, sources, &mut found);
        }
    }
    Ok(found)
}

/// The first entry that is not older than `at`.
fn first_at(ledger: &Ledger, at: Wall) -> Result<u64, LedgerError> {
    let (mut low, mut high) = (0, ledger.size());
    while low < high {
        let middle = low + (high - low) / 2;
        let event = ledger.read(middle, 1)?.first().and_then(|entry| entry.event().ok());
        if event.is_some_and(|event| event.at.0 < at) { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// The hashes of these sources that an event tells of. The first one counts: it was the nearest to the recording.
fn take(event: &Event, entry: u64, sources: &[extract::Source], found: &mut BTreeMap<Place, Known>) {
    if event.kind != Kind::SEGMENT_SEALED {
        return;
    }
    let segments = event.detail.get("segments").and_then(|segments| segments.as_array());
    for segment in segments.into_iter().flatten() {
        let text = |name: &str| segment.get(name).and_then(|value| value.as_str());
        let (Some(volume), Some(path), Some(blake3)) = (text("volume"), text("path"), text("blake3")) else { continue };
        let place = (volume.to_owned(), path.to_owned());
        if sources.iter().any(|source| source.path == path && source.volume == volume) {
            found.entry(place).or_insert_with(|| Known { entry, at: event.at, blake3: blake3.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use media::wall::Clock;
    use serde_json::json;

    use super::*;

    struct Still;

    impl Clock for Still {
        fn wall(&self) -> Wall {
            Wall::EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn minute(n: i64) -> Wall {
        Wall::from_micros(1_780_000_000_000_000 + n * 60_000_000)
    }

    fn source(n: i64, blake3: &str) -> extract::Source {
        let path = format!("cam-1/{n}.mp4");
        let (volume, start, end) = ("0000000a".into(), minute(n), minute(n + 1));
        extract::Source { path, volume, start, end, bytes: 9, blake3: blake3.into(), sealed: true }
    }

    #[test]
    fn a_recording_is_held_against_the_hash_that_was_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path(), Arc::new(Still), &prometheus::Registry::new()).unwrap();
        // Days of other things before and after, and each minute's segments in one event.
        for n in (-3_000..3_000).step_by(7) {
            let sealed = json!([
                {"camera": "cam-2", "path": format!("cam-2/{n}.mp4"), "blake3": "other"},
                {"camera": "cam-1", "volume": "0000000b", "path": format!("cam-1/{n}.mp4"), "blake3": "another's"},
                {"camera": "cam-1", "volume": "0000000a", "path": format!("cam-1/{n}.mp4"), "blake3": format!("hash-{n}")},
                {"camera": "cam-1", "path": 7},
            ]);
            let event = Event::new(Kind::SEGMENT_SEALED, minute(n + 1)).with("segments", sealed);
            ledger.append(&event).unwrap();
            ledger.append(&Event::new(Kind::SEGMENT_SEALED, minute(n + 1)).with("segments", "nonsense")).unwrap();
        }
        let sources = [source(-6, "hash-none"), source(3, "x"), source(10, "hash-10"), source(17, "hash-17")];
        let found: Vec<_> = with_standing(&ledger, &sources).unwrap().into_iter().map(|s| s.ledger).collect();
        let at = |n: i64| Stamp(minute(n + 1));
        assert_eq!(found[0], Standing::NotOnLedger {});
        let Standing::Changed { at: when, blake3, .. } = &found[1] else { panic!("{found:?}") };
        assert_eq!((when, blake3.as_str()), (&at(3), "hash-3"));
        for (place, n) in [(2, 10), (3, 17)] {
            let Standing::Unchanged { entry, at: when } = &found[place] else { panic!("{found:?}") };
            assert_eq!(*when, at(n));
            let told = ledger.read(*entry, 1).unwrap()[0].event().unwrap();
            assert!(told.detail["segments"].to_string().contains(&format!("hash-{n}")), "the entry is the one");
        }
    }
}
