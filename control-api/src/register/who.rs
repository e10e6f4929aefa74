//! Who may act on a record and who may read it: by role, by unit, by being the person it is about, and by having had no hand in it.

use super::{Record, Register};
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::registers::{Role, UnitId, UserId};

/// Who may take a step. What is true of nobody is the appliance's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    own: &'static [Role],
    any: &'static [Role],
    subject: bool,
    apart: bool,
}

impl Who {
    /// Nobody: the appliance takes it when its time comes.
    pub const APPLIANCE: Self = Self { own: &[], any: &[], subject: false, apart: false };
    /// The person whom the record is about.
    pub const SUBJECT: Self = Self { subject: true, ..Self::APPLIANCE };

    /// These roles, in the unit whose record it is.
    pub const fn own(roles: &'static [Role]) -> Self {
        Self { own: roles, ..Self::APPLIANCE }
    }

    /// These roles, in whatever unit.
    pub const fn any(roles: &'static [Role]) -> Self {
        Self { any: roles, ..Self::APPLIANCE }
    }

    /// Besides, these roles in whatever unit.
    #[must_use]
    pub const fn or_any(self, roles: &'static [Role]) -> Self {
        Self { any: roles, ..self }
    }

    /// Besides, the person whom it is about.
    #[must_use]
    pub const fn or_subject(self) -> Self {
        Self { subject: true, ..self }
    }

    /// But nobody who had a hand in it before, and nobody of the unit whose record it is.
    #[must_use]
    pub const fn apart(self) -> Self {
        Self { apart: true, ..self }
    }

    /// The roles that may in the unit whose record it is.
    pub const fn own_unit(&self) -> &'static [Role] {
        self.own
    }

    /// The roles that may in whatever unit.
    pub const fn any_unit(&self) -> &'static [Role] {
        self.any
    }

    /// True where nobody of that unit may, nor who had a hand in it.
    pub const fn is_apart(&self) -> bool {
        self.apart
    }

    /// The roles that may, whatever else is asked.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.own.iter().chain(self.any).copied()
    }

    /// True where the person it is about may, whatever their role.
    pub const fn is_of_subject(&self) -> bool {
        self.subject
    }

    /// True where no person may.
    pub const fn is_appliance(&self) -> bool {
        self.own.is_empty() && self.any.is_empty() && !self.subject
    }

    /// Whether `by` may file a record of `unit` about `subject`.
    pub(super) fn check_filing(&self, by: &Principal, unit: &UnitId, subject: Option<&UserId>) -> Result<(), ApiError> {
        let of_unit = by.unit() == unit && by.roles().has_any(self.own);
        let about_self = self.subject && subject == Some(by.user());
        if of_unit || about_self || by.roles().has_any(self.any) { Ok(()) } else { Err(Code::RoleForbids.into()) }
    }

    /// Whether `by` may take a step on `record`.
    pub(super) fn check<R: Register>(&self, by: &Principal, record: &Record<R>) -> Result<(), ApiError> {
        self.check_filing(by, &record.unit, record.fields.subject())?;
        if !self.apart {
            return Ok(());
        }
        if record.hands.contains(by.user()) {
            return Err(Code::SecondPersonRequired.into());
        }
        if record.unit == *by.unit() { Err(Code::RoleForbids.into()) } else { Ok(()) }
    }
}

/// Who may read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// These read the records of all units.
    pub all: &'static [Role],
    /// These read the records of their own unit.
    pub own: &'static [Role],
    /// True where the person it is about reads it.
    pub subject: bool,
}

impl Reading {
    /// `ROLE_FORBIDS` for whom there is nothing to read here at all.
    pub fn check(&self, by: &Principal) -> Result<(), ApiError> {
        if self.subject || by.roles().has_any(self.all) || by.roles().has_any(self.own) {
            Ok(())
        } else {
            Err(Code::RoleForbids.into())
        }
    }

    /// True where `by` may read `record`.
    pub fn shows<R: Register>(&self, by: &Principal, record: &Record<R>) -> bool {
        by.roles().has_any(self.all)
            || (record.unit == *by.unit() && by.roles().has_any(self.own))
            || (self.subject
                && (record.fields.subject() == Some(by.user()) || record.filed_by.as_ref() == Some(by.user())))
    }
}
