//! What a decision's record keeps so that it can be replayed: the version of the policies and since when it is in force, the facts
//! that did not hold, and the values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::values::Values;
use crate::ledger::Event;
use crate::stamp::Stamp;

/// What a decision was made by and from. Its fields stand in a permit's record, and in the detail of a refusal's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The version of the policies (J-29).
    pub policy_version: Arc<str>,
    /// Since when it is in force.
    pub policy_since: Stamp,
    /// The facts that did not hold, by name; all others did.
    pub lacking: Vec<String>,
    /// What a site's own policies could look at.
    pub values: Values,
}

impl Basis {
    /// Puts it on a refusal's record. A permit's record has it among its own fields.
    pub fn onto(&self, event: Event) -> Event {
        let fields = serde_json::to_value(self).expect("text keys and plain values always make JSON");
        let Value::Object(fields) = fields else { return event };
        fields.into_iter().fold(event, |event, (name, value)| event.with(name, value))
    }
}
