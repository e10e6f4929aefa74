//! What the rules want in order before somebody views, filed by whoever the rules say.

use serde_json::json;

use super::api::Client;

/// The demo's version of both texts.
pub(crate) const TEXT_VERSION: &str = "demo-1";

/// What the rules want of a person of the unit before they view: both signatures, and a training.
pub(crate) fn put_in_order(person: &Client, head: &Client, clerk: &Client) {
    let user = person.get("/api/v1/me").1["id"].clone();
    let (from, to) = (in_days(-1), in_days(300));
    let signed = json!({"user": user, "text_version": TEXT_VERSION, "valid_to": to});
    let signed = person.create("/api/v1/staff-statements", &signed);
    head.step("staff-statements", &signed, "countersign");
    let training = json!({"user": user, "course": "上岗", "trainer": "甲", "trained_at": from, "valid_to": to});
    clerk.create("/api/v1/training-records", &training);
}

/// So many days from now.
pub(crate) fn in_days(days: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string()
}
