//! 事件: a hazard that was seen (J-28): its camera and time, the evidence held from the same commit on, and who has to answer by when.

use media::id::CameraId;
use serde::{Deserialize, Serialize};

use crate::error::{ApiError, Code};
use crate::mint;
use crate::register::inbox::Waiter;
use crate::register::{Change, Column, Due, Filing, Move, Reading, Record, Register, Who, text};
use crate::registers::field::{line, prose};
use crate::registers::hold::{self, ACTIVE_PER_CAMERA_MAX, HoldForm, HoldId, Placing};
use crate::registers::Role;
use crate::stamp::Stamp;
use crate::store::Batch;

/// How long the unit has to answer. 30 minutes (default of ours): then the Bureau hears of it.
const ANSWER_WITHIN: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The camera that showed it.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// When it happened; its surroundings are held.
    pub at: Stamp,
    /// What kind of event, for example 火情.
    #[schema(min_length = 1, max_length = 120)]
    pub event: String,
    /// What was seen.
    #[schema(min_length = 1, max_length = 2000)]
    pub what: String,
    /// The session in which it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub session: Option<String>,
}

crate::register::states! {
    /// Where an incident stands.
    IncidentState {
        /// Reported; the unit's head has yet to answer.
        Reported = "reported",
        /// Nobody answered in time; the Bureau hears of it.
        Overdue = "overdue",
        /// Somebody is at it.
        TakenUp = "taken_up",
        /// Over.
        Closed = "closed",
    }
}

use IncidentState::{Closed, Overdue, Reported, TakenUp};

impl Register for Incident {
    const NAME: &'static str = "incidents";
    const ABOUT: &'static str = "Hazards that were seen, with the evidence held.";
    const ARTICLES: &'static [&'static str] = &["J-28"];
    type State = IncidentState;
    const FIRST: IncidentState = Reported;
    const FILING: Who = Who::own(&[Role::Operator, Role::IncidentCommander]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator, Role::IncidentCommander],
        subject: false,
    };
    const MOVES: &'static [Move<IncidentState>] = &[
        Move {
            step: "take_up",
            from: &[Reported, Overdue],
            to: TakenUp,
            who: Who::own(&[Role::UnitPrincipal, Role::IncidentCommander]).or_any(&[Role::BureauApprover]),
            needs_reason: false,
        },
        Move {
            step: "close",
            from: &[TakenUp],
            to: Closed,
            who: Who::own(&[Role::UnitPrincipal]).or_any(&[Role::BureauApprover]),
            needs_reason: true,
        },
        Move { step: "escalate", from: &[Reported], to: Overdue, who: Who::APPLIANCE, needs_reason: false },
    ];
    const COLUMNS: &'static [Column] = &[text("camera"), text("at"), text("event"), text("what"), text("session")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        filing.must_see(Some(&self.camera))?;
        if self.at.0 > filing.now {
            return Err(ApiError::field("at", "不得晚于现在。", "It cannot lie ahead."));
        }
        if hold::active(filing.store, &self.camera)?.len() >= ACTIVE_PER_CAMERA_MAX {
            return Err(Code::Conflict.into());
        }
        Ok(Self { event: line("event", &self.event)?, what: prose("what", &self.what)?, ..self })
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        record.is_in(&[Reported]).then_some(Due { at: record.filed_at.0 + ANSWER_WITHIN, step: "escalate" })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let head = Waiter::Unit(Role::UnitPrincipal, record.unit.clone());
        match record.state {
            Reported | TakenUp => vec![head],
            Overdue => vec![head, Waiter::Role(Role::BureauApprover)],
            Closed => Vec::new(),
        }
    }

    fn with(batch: Batch, change: &Change<'_, Self>) -> Result<Batch, ApiError> {
        if change.before.is_some() {
            return Ok(batch);
        }
        let incident = change.after;
        let by = incident.filed_by.clone().ok_or(Code::Internal)?;
        let placing = Placing {
            id: HoldId(mint::sortable_id(change.now).map_err(|_| Code::Internal)?),
            camera: incident.fields.camera.clone(),
            by,
            unit: incident.unit.clone(),
            at: change.now,
            margin: change.hold_margin,
        };
        let form = HoldForm {
            around: Some(incident.fields.at),
            reason: incident.fields.what.clone(),
            incident: Some(format!("{}/{}", Self::NAME, incident.id.0)),
            ..HoldForm::default()
        };
        Ok(batch.and(hold::placing(&form.checked(placing)?)?))
    }
}
