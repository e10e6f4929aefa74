//! Who a user is, out of the register: the ledger has the id alone, which is never given twice. What is told is what the register
//! says today.

use std::path::Path;

use control_api::ledger::personal::digest_of;
use control_api::ledger::vault::{Openings as _, Word};
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

    /// The words behind a commitment of the ledger, or what became of them. Words in clear, as the first version wrote them, stay.
    pub(super) fn words(&self, text: &str) -> Result<String, StoreError> {
        let Some(digest) = digest_of(text) else { return Ok(text.to_owned()) };
        Ok(match self.0.word(digest)? {
            Word::Open(words) => words,
            Word::Erased(erasure) => format!("erased by {erasure} ({text})"),
            Word::Missing => format!("not kept here ({text})"),
        })
    }

    /// The user of this id, where there is one.
    pub(super) fn find(&self, id: &str) -> Result<Option<Person>, StoreError> {
        let Ok(id) = id.parse() else { return Ok(None) };
        let user = self.0.get_json::<User>(&key(&id))?.map(|row| row.value);
        Ok(user.map(|user| Person { login: user.login, name: user.name, staff_no: user.staff_no }))
    }
}
