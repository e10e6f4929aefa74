//! Who a user is, out of the register: the ledger has the id alone, which is never given twice. What is told is what the register
//! says today.

use std::path::Path;

use control_api::registers::user::{LoginName, User, key};
use control_api::store::{ReadOnly, StoreError};
use serde::Serialize;

/// A user as people know them.
#[derive(Debug, Serialize)]
pub(super) struct Person {
    pub(super) login: LoginName,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) staff_no: Option<String>,
}

/// The register of an appliance that may run.
pub(super) struct Register(ReadOnly);

impl Register {
    /// The one in this folder of the state.
    pub(super) fn open(state: &Path) -> Result<Self, StoreError> {
        ReadOnly::open(&state.join("store")).map(Self)
    }

    /// The user of this id, where there is one.
    pub(super) fn find(&self, id: &str) -> Result<Option<Person>, StoreError> {
        let Ok(id) = id.parse() else { return Ok(None) };
        let user = self.0.get_json::<User>(&key(&id))?.map(|row| row.value);
        Ok(user.map(|user| Person { login: user.login, name: user.name, staff_no: user.staff_no }))
    }
}
