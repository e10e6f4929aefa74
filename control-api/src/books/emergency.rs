//! 突发事件: priority use in a major emergency (J-8). Declared by the handling unit, it holds at once for a short time; the Bureau
//! confirms it or it lapses; when it is over the Bureau reviews it, or the unit can declare no further one.

use std::collections::BTreeSet;
use std::time::Duration;

use media::id::{CameraId, Profile};
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::error::{ApiError, Code};
use crate::grants::{Grant, GrantBook, GrantId, SECURITY_LEVEL_MAX, Terms, Verb, book};
use crate::register::inbox::Waiter;
use crate::register::{Change, Column, Due, Filing, Move, Reading, Record, Register, Touch, Who, list, rows, text};
use crate::registers::field::{line, prose};
use crate::registers::{Area, Role, UnitId, unit};
use crate::stamp::Stamp;
use crate::store::{Batch, Store, StoreError};

/// How long it holds unconfirmed: 30 minutes (default).
const UNCONFIRMED: Duration = Duration::from_secs(30 * 60);
/// How long after its end it is to be reviewed: 24 hours (default).
const REVIEW_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// Longest life: a day; a longer one is declared again.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Most cameras and areas of one.
const SCOPE_MAX: usize = 500;

/// An emergency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// What kind of event, for example 洪涝.
    #[schema(min_length = 1, max_length = 120)]
    pub event: String,
    /// What is happening, and what the cameras are needed for.
    #[schema(min_length = 1, max_length = 2000)]
    pub what: String,
    /// The event's cameras.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 500)]
    pub cameras: Vec<CameraId>,
    /// The event's areas: all cameras within them.
    #[serde(default)]
    #[schema(max_items = 500)]
    pub areas: Vec<Area>,
    /// Until when at most; a day from now at the latest.
    pub ends_at: Stamp,
}

crate::register::states! {
    /// Where an emergency stands.
    EmergencyState {
        /// Declared and in force, unconfirmed.
        Active = "active",
        /// Confirmed by the Bureau and in force.
        Confirmed = "confirmed",
        /// Not confirmed in time; over.
        Lapsed = "lapsed",
        /// Over.
        Closed = "closed",
        /// Over, and its review is overdue.
        Overdue = "overdue",
        /// Reviewed.
        Reviewed = "reviewed",
    }
}

use EmergencyState::{Active, Closed, Confirmed, Lapsed, Overdue, Reviewed};

impl Register for Emergency {
    const NAME: &'static str = "emergencies";
    const ABOUT: &'static str = "Major emergencies, in which the handling unit has priority use.";
    const ARTICLES: &'static [&'static str] = &["J-8"];
    type State = EmergencyState;
    const FIRST: EmergencyState = Active;
    const FILING: Who = Who::own(&[Role::IncidentCommander]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator, Role::IncidentCommander],
        subject: false,
    };
    const MOVES: &'static [Move<EmergencyState>] = &[
        Move {
            step: "confirm",
            from: &[Active],
            to: Confirmed,
            who: Who::any(&[Role::BureauApprover]).apart(),
            needs_reason: false,
        },
        Move { step: "lapse", from: &[Active], to: Lapsed, who: Who::APPLIANCE, needs_reason: false },
        Move {
            step: "close",
            from: &[Active, Confirmed],
            to: Closed,
            who: Who::own(&[Role::IncidentCommander, Role::UnitPrincipal]).or_any(&[Role::BureauApprover]),
            needs_reason: false,
        },
        Move { step: "end", from: &[Confirmed], to: Closed, who: Who::APPLIANCE, needs_reason: false },
        Move {
            step: "review",
            from: &[Lapsed, Closed, Overdue],
            to: Reviewed,
            who: Who::any(&[Role::BureauApprover]).apart(),
            needs_reason: true,
        },
        Move { step: "escalate", from: &[Lapsed, Closed], to: Overdue, who: Who::APPLIANCE, needs_reason: false },
    ];
    const COLUMNS: &'static [Column] = &[text("event"), text("what"), list("cameras"), list("areas"), text("ends_at")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        if is_review_overdue(filing.store, filing.by.unit())? {
            return Err(Code::EmergencyReviewOverdue.into());
        }
        if self.cameras.is_empty() && self.areas.is_empty() {
            return Err(ApiError::field("cameras", "请填写摄像机或区域。", "Name cameras or areas."));
        }
        if self.cameras.len() + self.areas.len() > SCOPE_MAX {
            return Err(ApiError::field("cameras", "摄像机和区域合计最多500个。", "At most 500 cameras and areas."));
        }
        if self.ends_at.0 <= filing.now || self.ends_at.0 > filing.now + LIFE_MAX {
            return Err(ApiError::field("ends_at", "须晚于现在,且不超过24小时。", "It has to lie ahead, by a day at most."));
        }
        Ok(Self { event: line("event", &self.event)?, what: prose("what", &self.what)?, ..self })
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        match record.state {
            Active | Confirmed => vec![Record::<Self>::unit_key(&record.unit)],
            Overdue => vec![overdue_key(&record.unit)],
            Lapsed | Closed | Reviewed => Vec::new(),
        }
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::Unit(record.unit.clone())]
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        let ends_at = record.fields.ends_at.0;
        match record.state {
            Active => Some(Due { at: ends_at.min(record.filed_at.0 + UNCONFIRMED), step: "lapse" }),
            Confirmed => Some(Due { at: ends_at, step: "end" }),
            Lapsed | Closed => Some(Due { at: record.since.0 + REVIEW_WITHIN, step: "escalate" }),
            Overdue | Reviewed => None,
        }
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let waits = record.is_in(&[Active, Lapsed, Closed, Overdue]);
        waits.then_some(Waiter::Role(Role::BureauApprover)).into_iter().collect()
    }

    fn with(batch: Batch, change: &Change<'_, Self>) -> Result<Batch, ApiError> {
        let emergency = change.after;
        let holds = |record: &Record<Self>| record.is_in(&[Active, Confirmed]);
        match change.before {
            None => {
                let terms = terms(emergency, change.store, change.now)?;
                let by = emergency.filed_by.clone().ok_or(Code::Internal)?;
                let grant = Grant::of_emergency(&emergency.id.0, emergency.unit.clone(), by, terms, change.now);
                Ok(GrantBook::put_in(batch, &grant)?)
            }
            Some(before) if holds(before) && !holds(emergency) => {
                book::expire_in(batch, change.store, &GrantId(emergency.id.0.clone()), change.now)
            }
            Some(_) => Ok(batch),
        }
    }
}

/// What the emergency lets its unit do: all of its purposes, for the event's cameras, until it ends.
fn terms(emergency: &Record<Emergency>, store: &Store, now: Wall) -> Result<Terms, ApiError> {
    let unit = unit::load(store, &emergency.unit)?.ok_or(Code::UnitNotRegistered)?.value;
    let mut verbs = BTreeSet::from([Verb::Live, Verb::Playback]);
    if book::has_raw(store, &emergency.unit, now)? {
        verbs.insert(Verb::Raw);
    }
    Ok(Terms {
        users: BTreeSet::new(),
        cameras: emergency.fields.cameras.iter().cloned().collect(),
        areas: emergency.fields.areas.iter().cloned().collect(),
        purposes: unit.purposes.into_iter().collect(),
        verbs,
        profile: Profile::Main,
        valid_from: now.into(),
        valid_to: emergency.fields.ends_at,
        hours: None,
        playback_depth_s: None,
        max_concurrent: None,
        terminals: BTreeSet::new(),
        security_level: SECURITY_LEVEL_MAX,
        on_duty: false,
    })
}

fn overdue_key(unit: &UnitId) -> String {
    format!("overdue/{unit}")
}

/// True where an emergency of the unit was not reviewed in time.
pub fn is_review_overdue(store: &Store, unit: &UnitId) -> Result<bool, StoreError> {
    Ok(!rows::find::<Emergency>(store, &overdue_key(unit))?.is_empty())
}

/// The emergencies of the unit that are in force.
pub fn in_force(store: &Store, unit: &UnitId, now: Wall) -> Result<Vec<Record<Emergency>>, StoreError> {
    let found = rows::find::<Emergency>(store, &Record::<Emergency>::unit_key(unit))?;
    Ok(found.into_iter().filter(|record| Emergency::due(record).is_some_and(|due| now < due.at)).collect())
}

impl Emergency {
    /// True where the camera is one of the event's.
    pub fn covers(&self, camera: &CameraId, place: Option<&Area>) -> bool {
        self.cameras.contains(camera) || place.is_some_and(|place| self.areas.iter().any(|area| area.covers(place)))
    }
}
