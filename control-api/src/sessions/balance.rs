//! The bytes that the relay sent, held against the usage records on the ledger. Each byte belongs to a session that is open or to a
//! record that is closed; what belongs to neither went past the record. Counts are of this run: what a crash cut off is marked as
//! such in its record.

use parking_lot::Mutex;
use relay::lease::Totals;

#[derive(Default)]
struct Books {
    /// Bytes of records that were closed on the ledger.
    recorded: u64,
    /// What the closed sessions had come to at the look before this one.
    closed_before: u64,
}

/// What is on record.
#[derive(Default)]
pub(super) struct Balance(Mutex<Books>);

impl Balance {
    /// A record was closed, and its closing is on the ledger.
    pub(super) fn recorded(&self, bytes: u64) {
        let mut books = self.0.lock();
        books.recorded = books.recorded.saturating_add(bytes);
    }

    /// Bytes on no record. A closing has until the next look to reach the ledger.
    pub(super) fn unaccounted(&self, totals: Totals) -> u64 {
        let mut books = self.0.lock();
        let without_session = totals.sent.saturating_sub(totals.open.saturating_add(totals.closed));
        let without_record = books.closed_before.saturating_sub(books.recorded);
        books.closed_before = totals.closed;
        without_session.saturating_add(without_record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_no_session_and_of_no_record_are_counted() {
        let balance = Balance::default();
        let totals = |sent, open, closed| Totals { sent, open, closed };
        assert_eq!(balance.unaccounted(totals(100, 100, 0)), 0);
        // A meter read after the total may have grown.
        assert_eq!(balance.unaccounted(totals(100, 130, 0)), 0);
        assert_eq!(balance.unaccounted(totals(150, 0, 130)), 20, "20 left under no session");
        balance.recorded(130);
        assert_eq!(balance.unaccounted(totals(150, 20, 130)), 0);
        // 50 close, and have until the next look.
        assert_eq!(balance.unaccounted(totals(180, 0, 180)), 0);
        assert_eq!(balance.unaccounted(totals(180, 0, 180)), 50);
        balance.recorded(50);
        assert_eq!(balance.unaccounted(totals(180, 0, 180)), 0);
    }
}
