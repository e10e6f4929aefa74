//! At start: hands every camera of the register to the relay's fleet. Changes after that are handed on by their own calls.

use crate::deps::Deps;
use crate::ports::CameraSetup;
use crate::registers::camera::{self, Camera};
use crate::store::{RANGE_ROWS_MAX, StoreError};

/// Returns how many. Blocks.
pub fn pull_all(deps: &Deps) -> Result<usize, StoreError> {
    let (mut pulled, mut after) = (0, None::<String>);
    loop {
        let rows = deps.store.range_json::<Camera>(camera::CAMERAS, after.as_deref(), RANGE_ROWS_MAX)?;
        let Some((last, _)) = rows.last() else { return Ok(pulled) };
        after = Some(last.clone());
        for (_, row) in rows {
            let credentials = camera::load_credentials(&deps.store, &row.value.id)?;
            deps.cameras.add(CameraSetup::of(&row.value, credentials));
            pulled += 1;
        }
    }
}
