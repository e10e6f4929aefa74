//! The decision: facts in, a permit or a denial out, by the policies in force. The rules are Cedar policies (`control-api/policy`);
//! of those that refuse, the first in the order of the rules answers. Pure: the time is a fact like the others, nothing is looked up
//! here and nothing is written down.

pub mod archive;
pub mod book;
mod case;
pub mod fact;
pub mod facts;
mod permit;
pub mod record;
pub mod replay;
pub mod rule;
pub mod rule_set;
mod site;
pub mod text;
pub mod values;

use std::sync::Arc;

use crate::error::{ApiError, Code};
use crate::grants::GrantId;
use crate::registers::purpose;
use crate::stamp::Stamp;
pub use book::{Policies, read_and_compile};
use case::{Case, values};
pub use facts::{Action, Caller, Candidate, Facts, Handling, Sight, Standing, UnitFacts};
pub use permit::Permit;
pub use record::Basis;
pub use rule::Rule;
pub use rule_set::{Asked, RuleSet};
pub use text::{SHIPPED_VERSION, Texts};

/// The policies in force, and since when.
#[derive(Clone)]
pub struct InForce {
    /// The policies.
    pub rules: Arc<RuleSet>,
    /// Since when this version is in force here.
    pub since: Stamp,
}

/// A refusal: the code, the articles that apply to this very case, and the grant that came closest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub code: Code,
    /// What it rests on.
    pub articles: Vec<&'static str>,
    /// The policy that refused.
    pub rule: Arc<str>,
    /// The grant that passed the most checks, where any covers the camera.
    pub grant: Option<GrantId>,
    /// What was decided by and from; none where a step of its own refused.
    pub basis: Option<Box<Basis>>,
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::new(denial.code).citing(denial.articles)
    }
}

/// Decides. Among several grants the widest that passes is taken; where none passes, the refusal is that of the grant that came
/// furthest.
pub fn decide(in_force: &InForce, facts: &Facts<'_>, action: &Action) -> Result<Permit, Denial> {
    let values = values(facts, action);
    let caller = facts.caller.as_ref().map_or("", |caller| caller.user.as_str());
    let camera = facts.camera.as_ref().map_or("", |camera| camera.id.as_str());
    let mut widest: Option<Permit> = None;
    let mut furthest: Option<(Arc<Rule>, Option<GrantId>, fact::FactSet)> = None;
    for candidate in candidates(facts) {
        let case = Case { facts, action, candidate };
        let holds = case.holds();
        let asked = Asked { principal: caller, verb: action.verb, camera, facts: holds, values: &values };
        let refused = match in_force.rules.verdict(&asked) {
            Some(rule) => rule,
            None => match permit::of_passed(&case, basis(in_force, holds, &values)) {
                Some(permit) => {
                    widest = widest.into_iter().chain([permit]).max_by(Permit::width);
                    continue;
                }
                // Nothing may pass on facts that contradict each other, whatever the policies say.
                None => in_force.rules.nothing_permits(),
            },
        };
        if furthest.as_ref().is_none_or(|(rule, ..)| refused.order > rule.order) {
            furthest = Some((refused, candidate.map(|c| c.grant.id().clone()), holds));
        }
    }
    if let Some(permit) = widest {
        return Ok(permit);
    }
    let (rule, grant, holds) = furthest.unwrap_or_else(|| (in_force.rules.nothing_permits(), None, Default::default()));
    let basis = Some(Box::new(basis(in_force, holds, &values)));
    Err(Denial { code: rule.code, articles: articles(rule.code, facts), rule: Arc::clone(&rule.id), grant, basis })
}

fn basis(in_force: &InForce, holds: fact::FactSet, values: &values::Values) -> Basis {
    Basis {
        policy_version: Arc::clone(in_force.rules.version()),
        policy_since: in_force.since,
        lacking: holds.lacking().into_iter().map(str::to_owned).collect(),
        values: values.clone(),
    }
}

/// Each grant that covers the camera; one empty place where there is none, so that the other checks are still asked.
fn candidates<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Option<&'a Candidate>> {
    let none = facts.grants.is_empty().then_some(None);
    facts.grants.iter().map(Some).chain(none)
}

/// A refused purpose cites its own article, other refusals what the table of codes says.
fn articles(code: Code, facts: &Facts<'_>) -> Vec<&'static str> {
    if !matches!(code, Code::PurposeNotInDuties | Code::PurposeExpired) {
        return code.articles().to_vec();
    }
    let duties = facts.caller.as_ref().map_or(&[][..], |caller| &caller.unit.purposes);
    purpose::cited(facts.purpose.and_then(|purpose| purpose.article), duties)
}

#[cfg(test)]
mod tests;
