//! The two forms: Attachment 1 (视频监控资源授权使用审批表) and Attachment 2 (平台用户申请表). Fields beyond the regulation's
//! own words are inferred. A form is checked whole before it is kept.

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::Form;
use crate::error::ApiError;
use crate::grants::{SECURITY_LEVEL_MAX, Terms};
use crate::registers::field::{line, prose};
use crate::registers::{Roles, UserId};
use crate::stamp::Stamp;

/// Cameras or areas in one form at most: what a clerk can review, and well within one row of the store.
const PLACES_MAX: usize = 5_000;
/// Users, terminals or purposes in one form at most, for the same reason.
const NAMES_MAX: usize = 1_000;

/// Attachment 1: cameras for a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceForm {
    /// Unified social credit code of the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_code: Option<String>,
    /// 责任人, who answers for the use.
    pub responsible_person: String,
    /// How to reach them.
    pub contact: String,
    /// What it is needed for, in the unit's words.
    pub narrative: String,
    /// Number of the signed responsibility statement (Attachment 3), where the unit has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_number: Option<String>,
    /// Asked for in an emergency (J-8). It speeds nothing up by itself; the Bureau sees it.
    #[serde(default)]
    pub emergency: bool,
    /// What is asked for.
    pub terms: Terms,
}

/// Attachment 2: an account for a member of the unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserForm {
    /// The account, made beforehand and not yet approved.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Their post.
    pub post: String,
    /// Staff number, where the unit uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff_number: Option<String>,
    /// Telephone.
    pub phone: String,
    /// The roles asked for; they take the place of those the account has.
    pub roles: Roles,
    /// When they were trained (J-9), where they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_at: Option<Stamp>,
}

impl Form for ResourceForm {
    const KIND: &'static str = "resource";

    fn checked(mut self, now: Wall) -> Result<Self, ApiError> {
        self.responsible_person = line("responsible_person", &self.responsible_person)?;
        self.contact = line("contact", &self.contact)?;
        self.narrative = prose("narrative", &self.narrative)?;
        self.credit_code = optional_line("credit_code", self.credit_code)?;
        self.statement_number = optional_line("statement_number", self.statement_number)?;
        check_terms(&self.terms, now)?;
        Ok(self)
    }
}

impl Form for UserForm {
    const KIND: &'static str = "user";

    fn checked(mut self, _now: Wall) -> Result<Self, ApiError> {
        self.name = line("name", &self.name)?;
        self.post = line("post", &self.post)?;
        self.phone = line("phone", &self.phone)?;
        self.staff_number = optional_line("staff_number", self.staff_number)?;
        Ok(self)
    }
}

fn optional_line(field: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    text.filter(|t| !t.trim().is_empty()).map(|t| line(field, &t)).transpose()
}

fn check_terms(terms: &Terms, now: Wall) -> Result<(), ApiError> {
    let places = terms.cameras.len() + terms.areas.len();
    if places == 0 {
        return Err(ApiError::field("terms.cameras", "须填写摄像机或区域。", "Name at least one camera or area."));
    }
    let names = terms.users.len().max(terms.terminals.len()).max(terms.purposes.len());
    if places > PLACES_MAX || names > NAMES_MAX {
        return Err(ApiError::field(
            "terms",
            "条目过多:摄像机和区域最多5000个,人员、终端、用途各最多1000个。",
            "Too many entries: at most 5000 cameras and areas, and 1000 each of users, terminals and purposes.",
        ));
    }
    if terms.purposes.is_empty() {
        return Err(ApiError::field("terms.purposes", "须填写用途代码。", "Name at least one purpose code."));
    }
    if !(1..=SECURITY_LEVEL_MAX).contains(&terms.security_level) {
        return Err(ApiError::field("terms.security_level", "须为1至3。", "Give 1 to 3."));
    }
    if terms.verbs.is_empty() {
        return Err(ApiError::field("terms.verbs", "须填写使用方式。", "Name at least one verb."));
    }
    if terms.valid_to <= terms.valid_from || terms.valid_to.0 <= now {
        return Err(ApiError::field(
            "terms.valid_to",
            "截止时间须晚于起始时间和当前时间。",
            "The end must lie after the beginning and after now.",
        ));
    }
    if terms.max_concurrent == Some(0) {
        return Err(ApiError::field("terms.max_concurrent", "须为1或更大。", "Give 1 or more, or leave it out."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> serde_json::Value {
        serde_json::json!({
            "responsible_person": "李雷", "contact": "0391-1", "narrative": "东街治安",
            "terms": {"cameras": ["cam-1"], "purposes": ["GA-1"], "verbs": ["live"],
                "valid_from": "2026-01-01T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z"}
        })
    }

    fn refused(change: impl FnOnce(&mut serde_json::Value)) -> Option<String> {
        let mut json = form();
        change(&mut json);
        let form: ResourceForm = serde_json::from_value(json).unwrap();
        let now = "2026-06-01T00:00:00Z".parse::<Stamp>().unwrap().0;
        form.checked(now).err().and_then(|error| error.body("r", false).field)
    }

    #[test]
    fn each_wrong_field_is_named() {
        assert_eq!(refused(|_| ()), None);
        assert_eq!(refused(|f| f["narrative"] = " ".into()).as_deref(), Some("narrative"));
        assert_eq!(refused(|f| f["terms"]["cameras"] = serde_json::json!([])).as_deref(), Some("terms.cameras"));
        assert_eq!(refused(|f| f["terms"]["verbs"] = serde_json::json!([])).as_deref(), Some("terms.verbs"));
        assert_eq!(refused(|f| f["terms"]["purposes"] = serde_json::json!([])).as_deref(), Some("terms.purposes"));
        let over = |f: &mut serde_json::Value| f["terms"]["valid_to"] = "2026-05-01T00:00:00Z".into();
        assert_eq!(refused(over).as_deref(), Some("terms.valid_to"));
        let none = |f: &mut serde_json::Value| f["terms"]["max_concurrent"] = 0.into();
        assert_eq!(refused(none).as_deref(), Some("terms.max_concurrent"));
    }

    #[test]
    fn a_field_that_the_form_does_not_have_is_refused() {
        let mut json = form();
        json["terms"]["verb"] = "raw".into();
        assert!(serde_json::from_value::<ResourceForm>(json).is_err());
    }
}
