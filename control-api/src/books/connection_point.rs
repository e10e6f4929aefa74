//! 应接尽接: the video that has to be connected, and what has been (J-6). A point is connected once it names its camera.

use media::id::CameraId;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Change, Column, Due, Filing, Move, Reading, Record, Register, Who, text};
use crate::registers::field::line;
use crate::registers::{Role, UnitId, camera, unit};
use crate::stamp::Stamp;
use crate::store::{Batch, Store};

/// A point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionPoint {
    /// Its name.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Where it is.
    #[schema(min_length = 1, max_length = 120)]
    pub location_name: String,
    /// The unit whose video it is, and which keeps it working.
    pub owner: UnitId,
    /// Its camera, once it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub camera: Option<CameraId>,
    /// Until when it is to be connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_by: Option<Stamp>,
}

crate::register::states! {
    /// Where a point stands.
    PointState {
        /// It has to be connected.
        ShouldConnect = "should_connect",
        /// It should have been connected by now.
        Overdue = "overdue",
        /// It is connected.
        Connected = "connected",
        /// It need not be.
        Waived = "waived",
    }
}

use PointState::{Connected, Overdue, ShouldConnect, Waived};

impl Register for ConnectionPoint {
    const NAME: &'static str = "connection-points";
    const ABOUT: &'static str = "The video that has to be connected, and what has been.";
    const ARTICLES: &'static [&'static str] = &["J-6"];
    type State = PointState;
    const FIRST: PointState = ShouldConnect;
    const FILING: Who = Who::any(&[Role::CatalogueAdmin]);
    const READING: Reading = Reading {
        all: &[Role::CatalogueAdmin, Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::OwnerMaintainer, Role::UnitAdmin, Role::UnitPrincipal],
        subject: false,
    };
    const MOVES: &'static [Move<PointState>] = &[
        Move {
            step: "connect",
            from: &[ShouldConnect, Overdue],
            to: Connected,
            who: Who::any(&[Role::CatalogueAdmin]),
            needs_reason: false,
        },
        Move {
            step: "disconnect",
            from: &[Connected],
            to: ShouldConnect,
            who: Who::any(&[Role::CatalogueAdmin]),
            needs_reason: true,
        },
        Move {
            step: "waive",
            from: &[ShouldConnect, Overdue],
            to: Waived,
            who: Who::any(&[Role::BureauApprover]),
            needs_reason: true,
        },
        Move { step: "escalate", from: &[ShouldConnect], to: Overdue, who: Who::APPLIANCE, needs_reason: false },
    ];
    const CORRECTED_IN: &'static [PointState] = &[ShouldConnect, Overdue];
    const COLUMNS: &'static [Column] =
        &[text("name"), text("location_name"), text("owner"), text("camera"), text("connect_by")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        if unit::load(filing.store, &self.owner)?.is_none() {
            return Err(ApiError::field("owner", "没有该单位。", "There is no such unit."));
        }
        if let Some(id) = &self.camera
            && camera::load(filing.store, id)?.is_none()
        {
            return Err(ApiError::field("camera", "目录中没有该摄像机。", "The catalogue has no such camera."));
        }
        let (name, location_name) = (line("name", &self.name)?, line("location_name", &self.location_name)?);
        Ok(Self { name, location_name, ..self })
    }

    fn unit(&self, _: &Store) -> Result<Option<UnitId>, ApiError> {
        Ok(Some(self.owner.clone()))
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.fields.camera.as_ref().map(|camera| format!("camera/{camera}")).into_iter().collect()
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        let at = record.fields.connect_by?.0;
        record.is_in(&[ShouldConnect]).then_some(Due { at, step: "escalate" })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        match record.state {
            ShouldConnect => vec![Waiter::Role(Role::CatalogueAdmin)],
            Overdue => vec![Waiter::Role(Role::CatalogueAdmin), Waiter::Role(Role::BureauApprover)],
            Connected | Waived => Vec::new(),
        }
    }

    fn with(batch: Batch, change: &Change<'_, Self>) -> Result<Batch, ApiError> {
        let names_none = change.after.state == Connected && change.after.fields.camera.is_none();
        if names_none {
            return Err(ApiError::field("camera", "请先填写其摄像机。", "Correct the point to name its camera first."));
        }
        Ok(batch)
    }
}
