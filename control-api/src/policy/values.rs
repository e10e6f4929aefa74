//! What a site's own policies may look at besides the facts: names, places, hours, lengths. Written down with each decision, so
//! that it can be replayed.

use cedar_policy::RestrictedExpression;
use serde::{Deserialize, Serialize};

/// The values of one decision. `site.cedarschema` says what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Values {
    /// The caller's unit.
    pub unit: String,
    /// The caller's roles.
    pub roles: Vec<String>,
    /// The purpose code.
    pub purpose: String,
    /// Whether it serves public security.
    pub public_security: String,
    /// Which presentation.
    pub profile: String,
    /// Where the camera stands.
    pub area: String,
    /// The camera's security level.
    pub level: i64,
    /// Hour on site time.
    pub hour: i64,
    /// Day of the week on site time, Monday is 1.
    pub weekday: i64,
    /// Seconds from the stretch's beginning to now.
    pub seconds_back: i64,
    /// Seconds of the stretch.
    pub seconds_long: i64,
}

impl Values {
    /// As a policy's context has them.
    pub(super) fn pairs(&self) -> Vec<(String, RestrictedExpression)> {
        let text = |value: &String| RestrictedExpression::new_string(value.clone());
        let roles = self.roles.iter().map(|role| RestrictedExpression::new_string(role.clone()));
        let named = [
            ("unit", text(&self.unit)),
            ("roles", RestrictedExpression::new_set(roles)),
            ("purpose", text(&self.purpose)),
            ("public_security", text(&self.public_security)),
            ("profile", text(&self.profile)),
            ("area", text(&self.area)),
            ("level", RestrictedExpression::new_long(self.level)),
            ("hour", RestrictedExpression::new_long(self.hour)),
            ("weekday", RestrictedExpression::new_long(self.weekday)),
            ("seconds_back", RestrictedExpression::new_long(self.seconds_back)),
            ("seconds_long", RestrictedExpression::new_long(self.seconds_long)),
        ];
        named.map(|(name, value)| (name.to_owned(), value)).into()
    }
}
