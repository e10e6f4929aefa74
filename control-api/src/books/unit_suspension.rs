//! 单位停用: a unit whose use of the platform the Bureau has suspended (J-2, J-22). Its people's sessions end with it.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::prose;
use crate::registers::{Role, UnitId, unit};
use crate::store::{Store, StoreError};

/// A suspension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitSuspension {
    /// Which unit.
    pub suspended_unit: UnitId,
    /// Why.
    #[schema(min_length = 1, max_length = 2000)]
    pub why: String,
}

crate::register::states! {
    /// Where a suspension stands.
    UnitSuspensionState {
        /// None of the unit's people may view.
        InForce = "in_force",
        /// They may again.
        Lifted = "lifted",
    }
}

impl Register for UnitSuspension {
    const NAME: &'static str = "unit-suspensions";
    const ABOUT: &'static str = "Units whose use of the platform is suspended.";
    const ARTICLES: &'static [&'static str] = &["J-2", "J-22"];
    type State = UnitSuspensionState;
    const FIRST: UnitSuspensionState = UnitSuspensionState::InForce;
    const FILING: Who = Who::any(&[Role::BureauApprover]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin, Role::SecurityAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin],
        subject: false,
    };
    const MOVES: &'static [Move<UnitSuspensionState>] = &[Move {
        step: "lift",
        from: &[UnitSuspensionState::InForce],
        to: UnitSuspensionState::Lifted,
        who: Who::any(&[Role::BureauApprover]),
        needs_reason: true,
    }];
    const COLUMNS: &'static [crate::register::Column] = &[text("suspended_unit"), text("why")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        if unit::load(filing.store, &self.suspended_unit)?.is_none() {
            return Err(ApiError::field("suspended_unit", "没有该单位。", "There is no such unit."));
        }
        Ok(Self { why: prose("why", &self.why)?, ..self })
    }

    fn unit(&self, _: &Store) -> Result<Option<UnitId>, ApiError> {
        Ok(Some(self.suspended_unit.clone()))
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        let key = Record::<Self>::unit_key(&record.unit);
        record.is_in(&[UnitSuspensionState::InForce]).then_some(key).into_iter().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::Unit(record.unit.clone())]
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let head = Waiter::Unit(Role::UnitPrincipal, record.unit.clone());
        record.is_in(&[UnitSuspensionState::InForce]).then_some(head).into_iter().collect()
    }
}

/// True while the unit is suspended.
pub fn is_suspended(store: &Store, unit: &UnitId) -> Result<bool, StoreError> {
    Ok(!rows::find::<UnitSuspension>(store, &Record::<UnitSuspension>::unit_key(unit))?.is_empty())
}
