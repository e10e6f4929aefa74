//! The register's first work after a start: what a crash left open is closed with `crash`, and closings that the ledger has
//! not heard of are put on it. Runs before anything can open a record.

use relay::lease::EndReason;

use super::{OPEN, Register, UNMIRRORED, UsageError, closing, ids_under, unmirrored_key};
use crate::ledger::Recordable as _;
use crate::store::Batch;

/// Gives how many records were closed with `crash`. The order of writes is that of `Register::close`, so that a crash in here
/// is mended by the next start; the ledger may then have the same closing twice, never none.
pub(super) fn settle(register: &Register) -> Result<usize, UsageError> {
    let now = register.clock.wall();
    let open = ids_under(&register.store, OPEN)?;
    for id in &open {
        let found = register.versioned(id)?;
        let closed = found.value.closed(now, EndReason::Crash, found.value.bytes);
        register.store.commit(closing(&closed, found.version)?)?;
    }
    for id in ids_under(&register.store, UNMIRRORED)? {
        register.ledger.append(&register.versioned(&id)?.value.event())?;
        register.store.commit(Batch::new().delete(unmirrored_key(&id)))?;
    }
    Ok(open.len())
}
