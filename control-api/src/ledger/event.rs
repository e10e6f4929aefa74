//! One event of the ledger: who did what to what, from where, how it was decided and why. Its bytes are one line of JSON with
//! sorted keys and no spaces, so that the same event always has the same hash. Absent: the index, which the ledger gives.

use std::borrow::Cow;
use std::collections::BTreeMap;

use media::wall::Wall;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::stamp::Stamp;

/// The layout written today. A reader refuses none: unknown fields of later versions are kept out, known ones read.
pub const EVENT_VERSION: u16 = 1;

/// What kind of event, in dotted words: `login.refused`, `session.opened`. Other files may name their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// A kind by its name; write it once, as a constant.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The kinds that this version writes.
impl Kind {
    /// The appliance started; the detail tells what it found.
    pub const APPLIANCE_STARTED: Self = Self::named("appliance.started");
    /// The appliance stops in order.
    pub const APPLIANCE_STOPPED: Self = Self::named("appliance.stopped");
    /// A login was given.
    pub const LOGIN: Self = Self::named("login.accepted");
    /// A login was refused; the code says why.
    pub const LOGIN_REFUSED: Self = Self::named("login.refused");
    /// A login ended.
    pub const LOGOUT: Self = Self::named("login.ended");
    /// A request was refused by the decision order; the code and the articles say why.
    pub const DENIED: Self = Self::named("decision.denied");
    /// A request was allowed.
    pub const ALLOWED: Self = Self::named("decision.allowed");
    /// A usage record was opened; the session may be leased now.
    pub const SESSION_OPENED: Self = Self::named("session.opened");
    /// The session's first media byte left.
    pub const SESSION_STARTED: Self = Self::named("session.started");
    /// A session's life was prolonged.
    pub const SESSION_RENEWED: Self = Self::named("session.renewed");
    /// The session is over and its usage record complete.
    pub const SESSION_CLOSED: Self = Self::named("session.closed");
    /// Something was refused at a media port: no lease, another terminal, another protocol.
    pub const MEDIA_REFUSED: Self = Self::named("media.refused");
    /// A register's row was made; the object names it.
    pub const REGISTER_CREATED: Self = Self::named("register.created");
    /// A register's row was changed; the detail has what changed.
    pub const REGISTER_CHANGED: Self = Self::named("register.changed");
    /// A register's row was deleted.
    pub const REGISTER_DELETED: Self = Self::named("register.deleted");
    /// An application moved to another state.
    pub const APPLICATION_MOVED: Self = Self::named("application.moved");
    /// A grant came to be.
    pub const GRANTED: Self = Self::named("grant.created");
    /// A grant was suspended.
    pub const GRANT_SUSPENDED: Self = Self::named("grant.suspended");
    /// A suspended grant is active again.
    pub const GRANT_RESUMED: Self = Self::named("grant.resumed");
    /// A grant was revoked.
    pub const GRANT_REVOKED: Self = Self::named("grant.revoked");
    /// A recording's segment was finished; the detail has its hash.
    pub const SEGMENT_SEALED: Self = Self::named("segment.sealed");
    /// A recording's segment was deleted; the detail says by which rule.
    pub const SEGMENT_DELETED: Self = Self::named("segment.deleted");
    /// The audit log itself was read or exported.
    pub const AUDIT_READ: Self = Self::named("audit.read");
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Actor {
    /// User id; for a refused login the name as it was typed, cut to a bound by the caller.
    pub user: String,
    /// The user's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The role acted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// How a request was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It was let through.
    Allow,
    /// It was refused.
    Deny,
}

/// One event. Made by [`Event::new`] and chained setters; empty fields are not written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Layout version: [`EVENT_VERSION`].
    pub v: u16,
    /// When, by the appliance's clock; RFC 3339 in UTC.
    pub at: Stamp,
    /// What kind.
    pub kind: Kind,
    /// Who; none for what the appliance does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// What was asked: a verb (`live`, `playback`) or an API action (`camera.patch`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// To what: the store's key of it, `camera/ID`, `grant/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The viewing session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Allowed or denied, where something was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The refusal's code, or a session's end reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The articles that the decision rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub articles: Vec<String>,
    /// Purpose code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Reason in the caller's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The HTTP request's id, the one in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The grant, the policy's version, what changed: whatever the kind needs besides. Never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, Value>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: impl Into<String>) -> Self {
            self.$name = Some($name.into());
            self
        })*
    };
}

impl Event {
    /// An event of this kind, at this time, with nothing else in it.
    pub fn new(kind: Kind, at: Wall) -> Self {
        Self {
            v: EVENT_VERSION,
            at: Stamp(at),
            kind,
            actor: None,
            terminal: None,
            action: None,
            object: None,
            session: None,
            decision: None,
            code: None,
            articles: Vec::new(),
            purpose: None,
            reason: None,
            request_id: None,
            detail: BTreeMap::new(),
        }
    }

    setters! {
        /// Sets the address it came from.
        terminal;
        /// Sets what was asked.
        action;
        /// Sets what it was asked of.
        object;
        /// Sets the viewing session.
        session;
        /// Sets the refusal's code or the end reason.
        code;
        /// Sets the purpose code.
        purpose;
        /// Sets the caller's reason.
        reason;
        /// Sets the HTTP request's id.
        request_id;
    }

    /// Sets who acted.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Sets how it was decided.
    #[must_use]
    pub fn decision(mut self, decision: Decision) -> Self {
        self.decision = Some(decision);
        self
    }

    /// Sets the articles that the decision rests on.
    #[must_use]
    pub fn articles<A: Into<String>>(mut self, articles: impl IntoIterator<Item = A>) -> Self {
        self.articles = articles.into_iter().map(Into::into).collect();
        self
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.detail.insert(name.into(), value.into());
        self
    }

    /// The bytes that go on the ledger.
    pub fn canonical(&self) -> Vec<u8> {
        let mut value = serde_json::to_value(self).expect("text keys and plain values always make JSON");
        value.sort_all_objects();
        value.to_string().into_bytes()
    }

    /// Reads the bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_sorted_compact_and_read_back() {
        let event = Event::new(Kind::DENIED, Wall::from_micros(1_700_000_000_123_456))
            .actor(Actor { user: "u1".into(), unit: Some("gonganju".into()), role: None })
            .code("NO_GRANT")
            .articles(["J-7"])
            .decision(Decision::Deny)
            .with("z", 1)
            .with("a", serde_json::json!({"y": true, "b": "视频"}));
        let text = String::from_utf8(event.canonical()).unwrap();
        let expected = concat!(
            r#"{"actor":{"unit":"gonganju","user":"u1"},"articles":["J-7"],"at":"2023-11-14T22:13:20.123456Z","#,
            r#""code":"NO_GRANT","decision":"deny","detail":{"a":{"b":"视频","y":true},"z":1},"kind":"decision.denied","v":1}"#
        );
        assert_eq!(text, expected);
        assert_eq!(Event::parse(text.as_bytes()).unwrap(), event);
    }

    #[test]
    fn a_line_break_in_a_reason_stays_inside_the_line() {
        let event = Event::new(Kind::SESSION_OPENED, Wall::EPOCH).reason("a\nb\u{0}");
        assert!(!event.canonical().contains(&b'\n'));
        assert_eq!(Event::parse(&event.canonical()).unwrap().reason.as_deref(), Some("a\nb\u{0}"));
    }
}
