//! The way of an application, as a table: which step leads from which stage to which. Who may take a step is in
//! `authority`; what follows from it is in `desk`.

use serde::{Deserialize, Serialize};

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Being written by its unit.
    Draft,
    /// Carries the opinion of the unit's principal.
    Endorsed,
    /// Handed to the Bureau.
    Submitted,
    /// Taken up by the Bureau.
    Accepted,
    /// Sent back for correction; the reason is in the history.
    Returned,
    /// Approved, and what it asks for is being made. Passed through within one commit.
    Approved,
    /// Refused for good; the reason is in the history.
    Refused,
    /// What it asked for is in force.
    Granted,
    /// What it asked for has run out.
    Expired,
    /// Taken back by its unit.
    Withdrawn,
}

/// What can be done to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The unit's principal puts their name to it.
    Endorse,
    /// The unit hands it in.
    Submit,
    /// The Bureau takes it up.
    Accept,
    /// The Bureau sends it back, with a reason.
    Return,
    /// The unit corrects it; it must be endorsed again.
    Revise,
    /// The Bureau approves it.
    Approve,
    /// The Bureau refuses it, with a reason.
    Refuse,
    /// What was approved is made. Taken by the appliance within the approval.
    Grant,
    /// What was granted ran out. Taken by the appliance.
    Expire,
    /// The unit takes it back.
    Withdraw,
}

impl Stage {
    /// The stage that `step` leads to; none where it is not allowed from here.
    pub const fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Draft, Step::Endorse) => Some(Self::Endorsed),
            (Self::Endorsed, Step::Submit) => Some(Self::Submitted),
            (Self::Submitted, Step::Accept) => Some(Self::Accepted),
            (Self::Submitted | Self::Accepted, Step::Return) => Some(Self::Returned),
            (Self::Draft | Self::Returned, Step::Revise) => Some(Self::Draft),
            (Self::Accepted, Step::Approve) => Some(Self::Approved),
            (Self::Accepted, Step::Refuse) => Some(Self::Refused),
            (Self::Approved, Step::Grant) => Some(Self::Granted),
            (Self::Granted, Step::Expire) => Some(Self::Expired),
            (
                Self::Draft | Self::Endorsed | Self::Submitted | Self::Accepted | Self::Returned | Self::Granted,
                Step::Withdraw,
            ) => Some(Self::Withdrawn),
            _ => None,
        }
    }

    /// The stage as it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Endorsed => "endorsed",
            Self::Submitted => "submitted",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Granted => "granted",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// True where nothing can follow.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Refused | Self::Expired | Self::Withdrawn)
    }
}

impl Step {
    /// All steps, in the order of an application's life.
    pub const ALL: [Self; 10] = [
        Self::Endorse,
        Self::Submit,
        Self::Accept,
        Self::Return,
        Self::Revise,
        Self::Approve,
        Self::Refuse,
        Self::Grant,
        Self::Expire,
        Self::Withdraw,
    ];

    /// True where the step is worth nothing without its reason.
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Return | Self::Refuse)
    }

    /// The step's word in paths and on the ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Endorse => "endorse",
            Self::Submit => "submit",
            Self::Accept => "accept",
            Self::Return => "return",
            Self::Revise => "revise",
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Grant => "grant",
            Self::Expire => "expire",
            Self::Withdraw => "withdraw",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_straight_way_leads_to_granted() {
        let way = [Step::Endorse, Step::Submit, Step::Accept, Step::Approve, Step::Grant, Step::Expire];
        let end = way.into_iter().try_fold(Stage::Draft, Stage::after);
        assert_eq!(end, Some(Stage::Expired));
    }

    #[test]
    fn no_step_of_the_way_can_be_left_out() {
        let way = [Step::Endorse, Step::Submit, Step::Accept, Step::Approve, Step::Grant];
        for missing in 0..way.len() {
            let short = way.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, step)| *step);
            assert_ne!(short.clone().try_fold(Stage::Draft, Stage::after), Some(Stage::Granted), "{missing}");
        }
    }

    #[test]
    fn a_final_stage_has_no_way_on() {
        for stage in [Stage::Refused, Stage::Expired, Stage::Withdrawn] {
            assert!(stage.is_final());
            assert!(Step::ALL.iter().all(|step| stage.after(*step).is_none()), "{stage:?}");
        }
        assert!(!Stage::Granted.is_final());
    }

    #[test]
    fn a_returned_form_is_endorsed_again() {
        assert_eq!(Stage::Returned.after(Step::Submit), None);
        assert_eq!(Stage::Returned.after(Step::Revise), Some(Stage::Draft));
    }
}
