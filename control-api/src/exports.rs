//! Exports: a stretch of a recording as a file for somebody outside, asked for, endorsed, approved and released by four hands of
//! which none is twice the same (regulation.md section 5, J-26); rendered with the visible mark; sealed with a manifest that says
//! what is in it and who wanted it. Absent: how a picture is rendered (`render`).

mod desk;
pub mod form;
mod make;
pub mod manifest;
pub mod media_release;
mod metrics;
pub mod package;
mod progress;
mod sources;
pub mod stage;
pub mod verify;
mod worker;

use std::net::IpAddr;

use media::wall::Wall;
use relay::lease::SessionId;
use serde::{Deserialize, Serialize};

use crate::grants::GrantId;
use crate::registers::{UnitId, UserId};
use crate::stamp::Stamp;
pub use desk::{Exports, Note, Setup, Tools};
pub use form::ExportForm;
pub use media_release::{MediaRelease, MediaReleaseForm};
pub use metrics::ExportMetrics;
pub use package::ExportKey;
pub use progress::Progress;
pub use stage::{Stage, Step};

/// An export's id: 26 characters, sortable by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct ExportId(pub String);

/// One line of an export's history, never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExportLine {
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

/// What was made of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sealed {
    /// Length of the package.
    pub bytes: u64,
    /// SHA-256 of its manifest, as hex.
    pub manifest_sha256: String,
    /// The ledger's entry that holds that.
    pub entry: u64,
}

/// An export on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// The unit that wants it.
    pub unit: UnitId,
    /// Who asked.
    pub requester: UserId,
    /// From which terminal.
    #[schema(value_type = String)]
    pub terminal: IpAddr,
    /// The grant that it rests on.
    pub grant: GrantId,
    /// Who put the unit's name to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endorser: Option<UserId>,
    /// Who approved it for the Bureau.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<UserId>,
    /// Who released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releaser: Option<UserId>,
    /// Where it stands.
    pub stage: Stage,
    /// What was asked for.
    pub form: ExportForm,
    /// The usage record of its rendering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// The mark that its pictures carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// What was made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
    /// What was done with it, oldest first.
    pub history: Vec<ExportLine>,
}

impl Export {
    /// The export one step on; none where the step does not fit its stage.
    fn after(&self, step: Step, by: Option<&UserId>, reason: Option<&str>, now: Wall) -> Option<Self> {
        let to = self.stage.after(step)?;
        let mut next = self.clone();
        next.stage = to;
        match step {
            Step::Endorse => next.endorser = by.cloned(),
            Step::Approve => next.approver = by.cloned(),
            Step::Release => next.releaser = by.cloned(),
            _ => {}
        }
        let reason = reason.map(Into::into);
        next.history.push(ExportLine { at: now.into(), by: by.cloned(), step: Some(step), to, reason });
        Some(next)
    }

    /// When a step was last taken.
    fn taken_at(&self, step: Step) -> Option<Stamp> {
        self.history.iter().rev().find(|line| line.step == Some(step)).map(|line| line.at)
    }
}

#[cfg(test)]
mod tests;
