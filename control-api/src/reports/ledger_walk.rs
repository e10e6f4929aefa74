//! The ledger's events of a stretch of time, in order, for reports. Blocks.

use std::ops::ControlFlow;

use media::wall::Wall;

use crate::ledger::{Event, Ledger, LedgerError, READ_ENTRIES_MAX};

/// Entries looked at before the one that was found, for those that were written at once and lie out of order.
const NEIGHBOURS: u64 = 256;

/// Where a walk ended.
pub(super) struct Walked {
    /// Nothing of the stretch lies after it.
    pub(super) complete: bool,
    /// The entry to go on from.
    pub(super) next: u64,
}

/// Shows each event of `from` (inclusive) to `to` (exclusive), from the entry `start` on, over at most `entries_max` entries.
/// `Break` is enough; the entry it was said of counts as seen.
pub(super) fn walk(
    ledger: &Ledger,
    (from, to): (Wall, Wall),
    start: u64,
    entries_max: u64,
    visit: &mut dyn FnMut(&Event) -> ControlFlow<()>,
) -> Result<Walked, LedgerError> {
    let (mut at, last) = (start, start.saturating_add(entries_max));
    while at < last {
        let entries = ledger.read(at, READ_ENTRIES_MAX)?;
        if entries.is_empty() {
            return Ok(Walked { complete: true, next: at });
        }
        for entry in &entries {
            at = entry.index + 1;
            let Ok(event) = entry.event() else { continue };
            if event.at.0 >= to {
                return Ok(Walked { complete: true, next: at });
            }
            if event.at.0 >= from && visit(&event).is_break() {
                return Ok(Walked { complete: false, next: at });
            }
        }
    }
    Ok(Walked { complete: false, next: at })
}

/// The index of the first entry at or after `from`, found by halving: entries lie in the order of time, give or take the
/// moment that callers at once differ by.
pub(super) fn first_at_or_after(ledger: &Ledger, from: Wall) -> Result<u64, LedgerError> {
    let (mut low, mut high) = (0, ledger.size());
    while low < high {
        let middle = low + (high - low) / 2;
        let entry = ledger.read(middle, 1)?.into_iter().next();
        let before = entry.and_then(|entry| entry.event().ok()).is_none_or(|event| event.at.0 < from);
        if before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.saturating_sub(NEIGHBOURS))
}
