//! How long a statement or a training holds: a time that is still to come, and not too far away.

use std::time::Duration;

use media::wall::Wall;

use crate::error::ApiError;
use crate::stamp::Stamp;

/// Longest term: five years.
const TERM_MAX: Duration = Duration::from_secs(5 * 366 * 86_400);

/// Refuses a `valid_to` that is over, or further away than any term.
pub(super) fn check(valid_to: Stamp, now: Wall) -> Result<(), ApiError> {
    ahead("valid_to", valid_to, now)
}

/// Refuses a time that is over, or further away than any term.
pub(super) fn ahead(field: &str, at: Stamp, now: Wall) -> Result<(), ApiError> {
    if at.0 > now && at.0 <= now + TERM_MAX {
        return Ok(());
    }
    Err(ApiError::field(field, "须晚于现在,且不超过五年。", "It has to lie ahead, by five years at most."))
}
