//! What an approval makes of each form: a grant of a resource application, an approved account of a user application. The
//! only place where a grant comes to be.

use media::wall::Wall;
use sha2::{Digest as _, Sha256};

use super::{Application, ApplicationDesk, Form, ResourceForm, UserForm};
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::grants::{Grant, GrantBook, GrantId};
use crate::ledger::{Event, Kind};
use crate::mint::sortable_id;
use crate::outbox::ChangeError;
use crate::registers::unit::UnitKind;
use crate::registers::user::{User, UserState};
use crate::registers::{purpose, unit, user};
use crate::store::{Batch, Versioned};

/// An approval on its way into one commit.
pub struct Approval<'a, F> {
    /// What was approved.
    pub application: &'a Application<F>,
    /// Who approved it.
    pub by: &'a Principal,
    /// When.
    pub now: Wall,
    /// The writes so far.
    pub batch: Batch,
}

/// What an approval made.
pub struct Made {
    pub(super) batch: Batch,
    pub(super) event: Event,
    pub(super) grant: Option<Grant>,
}

/// A form that can be approved.
pub trait Approvable: Form {
    /// Checks against the registers, before the form is kept.
    fn check_registers(&self, desk: &ApplicationDesk, by: &Principal) -> Result<(), ApiError>;

    /// Adds to the commit what the form asked for.
    fn make(desk: &ApplicationDesk, approval: Approval<'_, Self>) -> Result<Made, ApiError>;

    /// True where what was granted can be taken back by withdrawing the form.
    const WITHDRAWN_AFTER_GRANT: bool;
}

impl Approvable for ResourceForm {
    const WITHDRAWN_AFTER_GRANT: bool = true;

    /// Asks for no purpose outside the unit's duties, and for no person outside the unit.
    fn check_registers(&self, desk: &ApplicationDesk, by: &Principal) -> Result<(), ApiError> {
        let unit = unit::load(&desk.store, by.unit())?.ok_or(Code::UnitNotRegistered)?.value;
        if let Some(code) = self.terms.purposes.iter().find(|code| !unit.purposes.contains(code)) {
            let article = purpose::find(code).map(|shipped| shipped.article);
            let refused = ApiError::new(Code::PurposeNotInDuties).citing(purpose::cited(article, &unit.purposes));
            return Err(refused.at("terms.purposes"));
        }
        for id in &self.terms.users {
            let member = user::load(&desk.store, id)?.is_some_and(|row| row.value.unit == *by.unit());
            if !member {
                return Err(ApiError::field("terms.users", "须为本单位人员。", "Name members of your own unit only."));
            }
        }
        Ok(())
    }

    fn make(_: &ApplicationDesk, approval: Approval<'_, Self>) -> Result<Made, ApiError> {
        let Approval { application, by, now, batch } = approval;
        let terms = application.form.terms.clone();
        if terms.valid_to.0 <= now {
            return Err(ApiError::field(
                "terms.valid_to",
                "申请的截止时间已过。",
                "The end that was asked for has passed.",
            ));
        }
        let id = GrantId(sortable_id(now).map_err(ChangeError::from)?);
        let (from, unit, approver) = (application.id.clone(), application.unit.clone(), by.user().clone());
        let grant = Grant::of_approval(id, from, unit, approver, terms, now);
        let event = Event::new(Kind::GRANTED, now)
            .actor(by.actor())
            .terminal(by.terminal().to_string())
            .object(format!("{}{}", crate::grants::book::GRANTS, grant.id().0))
            .articles(["J-7"])
            .with("application", application.id.0.clone())
            .with("unit", application.unit.as_str())
            .with("terms_sha256", digest(grant.terms()));
        Ok(Made { batch: GrantBook::put_in(batch, &grant)?, event, grant: Some(grant) })
    }
}

impl Approvable for UserForm {
    /// An account that was approved is switched off, not unapproved.
    const WITHDRAWN_AFTER_GRANT: bool = false;

    /// Names an account of the unit that waits for approval; roles of the Bureau only for the Bureau's people.
    fn check_registers(&self, desk: &ApplicationDesk, by: &Principal) -> Result<(), ApiError> {
        let account = user::load(&desk.store, &self.user)?.map(|row| row.value);
        if account.is_none_or(|account| account.unit != *by.unit() || account.state != UserState::Pending) {
            return Err(ApiError::field(
                "user",
                "须为本单位待审批的账号。",
                "Name an account of your own unit that waits for approval.",
            ));
        }
        let unit = unit::load(&desk.store, by.unit())?.ok_or(Code::UnitNotRegistered)?.value;
        if unit.kind != UnitKind::Bureau && self.roles.iter().any(|role| role.is_bureau()) {
            return Err(ApiError::field(
                "roles",
                "该角色仅限主管部门人员。",
                "Such a role is for the Bureau's people only.",
            ));
        }
        Ok(())
    }

    fn make(desk: &ApplicationDesk, approval: Approval<'_, Self>) -> Result<Made, ApiError> {
        let Approval { application, by, now, batch } = approval;
        let form = &application.form;
        let Versioned { value: account, version } = user::load(&desk.store, &form.user)?.ok_or(Code::Conflict)?;
        if account.state != UserState::Pending || account.unit != application.unit {
            return Err(Code::Conflict.into());
        }
        let approved = User {
            state: UserState::Approved,
            roles: form.roles.clone(),
            version: account.version + 1,
            changed_at: now,
            ..account
        };
        let key = user::key(&form.user);
        let roles: Vec<_> = form.roles.iter().map(|role| role.text()).collect();
        let event = Event::new(Kind::REGISTER_CHANGED, now)
            .actor(by.actor())
            .terminal(by.terminal().to_string())
            .object(&key)
            .articles(["J-7"])
            .with("application", application.id.0.clone())
            .with("state", "approved")
            .with("roles", roles);
        let batch = batch.expect_version(&key, version).put_json(&key, &approved)?;
        Ok(Made { batch, event, grant: None })
    }
}

/// SHA-256 over the JSON of a value, as hex.
pub(super) fn digest<T: serde::Serialize>(value: &T) -> String {
    let bytes = serde_json::to_vec(value).expect("text keys and plain values always make JSON");
    hex::encode(Sha256::digest(bytes))
}
