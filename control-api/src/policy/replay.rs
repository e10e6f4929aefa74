//! A decision of the ledger decided again from what its record kept, under the policies of its day. Deliberately absent: looking
//! anything up; what was not recorded is not known.

use std::sync::Arc;

use serde::Serialize;

use super::fact::FactSet;
use super::record::Basis;
use super::rule::Rule;
use super::rule_set::{ACTIONS, Asked, RuleSet};
use crate::ledger::{Decision, Event};

/// Why a record cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It tells of no decision, or of one that kept no facts.
    #[error("a {0} keeps no facts to decide from")]
    NoDecision(String),
    /// The policies of its day are another version than those given.
    #[error("it was decided under {recorded}; these policies are {given}")]
    OtherVersion {
        /// The record's.
        recorded: String,
        /// Those given.
        given: String,
    },
}

/// A rule that refuses, as an explanation shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusing {
    /// Its id.
    pub id: String,
    /// Its code.
    pub code: &'static str,
    /// Its articles.
    pub articles: Vec<String>,
    /// One of the site's own.
    pub is_site: bool,
}

/// A decision, and what replaying it gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// The version of the policies it was made under.
    pub policy_version: String,
    /// Since when that was in force.
    pub policy_since: String,
    /// The facts that did not hold.
    pub lacking: Vec<String>,
    /// The code on record; none for a permit.
    pub recorded: Option<String>,
    /// The code that replaying gives; none for a permit.
    pub replayed: Option<String>,
    /// The policies that refuse, the one that answers first.
    pub refusing: Vec<Refusing>,
    /// Both are the same.
    pub same: bool,
}

/// What the record of a decision keeps; none for another event.
pub fn basis_of(event: &Event) -> Option<Basis> {
    let detail = serde_json::to_value(&event.detail).ok()?;
    let fields = detail.get("permit").unwrap_or(&detail);
    serde_json::from_value(fields.clone()).ok()
}

/// Decides again.
pub fn replay(event: &Event, rules: &RuleSet) -> Result<Replay, ReplayError> {
    let no_decision = || ReplayError::NoDecision(event.kind.as_str().to_owned());
    let basis = basis_of(event).ok_or_else(no_decision)?;
    let action = event.action.as_deref().or_else(|| event.detail.get("permit")?.get("verb")?.as_str());
    let verb = ACTIONS.iter().find(|(_, word)| Some(*word) == action).map(|(verb, _)| *verb).ok_or_else(no_decision)?;
    if *rules.version() != basis.policy_version {
        let (recorded, given) = (basis.policy_version.to_string(), rules.version().to_string());
        return Err(ReplayError::OtherVersion { recorded, given });
    }
    let object = event.object.as_deref().and_then(|object| object.strip_prefix("camera/"));
    let asked = Asked {
        principal: event.actor.as_ref().map_or("", |actor| actor.user.as_str()),
        verb,
        // A camera that was not known had no name for the policies.
        camera: object.filter(|_| basis.values.level > 0).unwrap_or_default(),
        facts: FactSet::default(),
        values: &basis.values,
    };
    let refusing = rules.all_refusals(&asked, &basis.lacking);
    let replayed = refusing.first().map(|rule| rule.code.text().to_owned());
    let recorded = event.code.clone().filter(|_| event.decision == Some(Decision::Deny));
    Ok(Replay {
        policy_version: basis.policy_version.to_string(),
        policy_since: basis.policy_since.to_string(),
        lacking: basis.lacking,
        same: recorded == replayed,
        recorded,
        replayed,
        refusing: refusing.iter().map(shown).collect(),
    })
}

fn shown(rule: &Arc<Rule>) -> Refusing {
    let (id, articles) = (rule.id.to_string(), rule.articles.clone());
    Refusing { id, code: rule.code.text(), articles, is_site: rule.is_site }
}
