//! Applications: the two forms by which access is asked for (J-7), and their way to a decision. A line of their history is
//! never changed. Deliberately absent: what a grant then allows (`grants`).

pub mod approval;
pub mod authority;
pub mod desk;
pub mod forms;
pub mod stage;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::grants::{ApplicationId, GrantId};
use crate::registers::{UnitId, UserId};
use crate::stamp::Stamp;
pub use desk::ApplicationDesk;
pub use forms::{ResourceForm, UserForm};
pub use stage::{Stage, Step};

/// What the two forms have in common.
pub trait Form: Clone + Serialize + serde::de::DeserializeOwned + Send + Sync + 'static {
    /// Its word in paths, keys and on the ledger.
    const KIND: &'static str;

    /// The form with its texts trimmed, or the first field that is wrong.
    fn checked(self, now: Wall) -> Result<Self, crate::error::ApiError>;
}

/// One line of an application's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApplicationLine {
    /// When.
    pub at: Stamp,
    /// Who; none where the appliance did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// What was done; none for the filing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// The stage it led to.
    pub to: Stage,
    /// Opinion or reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A form on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Application<F> {
    /// Its id.
    pub id: ApplicationId,
    /// The unit that applies.
    pub unit: UnitId,
    /// Who filed it.
    pub requester: UserId,
    /// Who put the unit's name to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endorser: Option<UserId>,
    /// Who decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<UserId>,
    /// The grant it led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// Where it stands.
    pub stage: Stage,
    /// The form as it stands.
    pub form: F,
    /// The form as it stood before each correction, oldest first.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub earlier_forms: Vec<F>,
    /// What was done with it, oldest first.
    pub history: Vec<ApplicationLine>,
}

impl<F: Form> Application<F> {
    fn filed(id: ApplicationId, unit: UnitId, requester: UserId, form: F, now: Wall) -> Self {
        let line =
            ApplicationLine { at: now.into(), by: Some(requester.clone()), step: None, to: Stage::Draft, reason: None };
        Self {
            id,
            unit,
            requester,
            endorser: None,
            approver: None,
            grant: None,
            stage: Stage::Draft,
            form,
            earlier_forms: Vec::new(),
            history: vec![line],
        }
    }

    /// The application one step on; none where the step does not fit its stage.
    fn after(&self, step: Step, by: Option<&UserId>, reason: Option<&str>, now: Wall) -> Option<Self> {
        let to = self.stage.after(step)?;
        let mut next = self.clone();
        next.stage = to;
        match step {
            Step::Endorse => next.endorser = by.cloned(),
            Step::Approve | Step::Refuse => next.approver = by.cloned(),
            Step::Revise => next.endorser = None,
            _ => {}
        }
        let reason = reason.map(Into::into);
        next.history.push(ApplicationLine { at: now.into(), by: by.cloned(), step: Some(step), to, reason });
        Some(next)
    }
}

/// The store's key of an application.
fn key<F: Form>(id: &ApplicationId) -> String {
    format!("application/{}/{}", F::KIND, id.0)
}

#[cfg(test)]
mod tests;
