//! One usage record: the six columns of J-24(3), what the register needs besides, and the ledger events that mirror it.

use media::id::{CameraId, Profile};
use media::wall::Wall;
use relay::lease::{EndReason, Protocol, SessionId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Actor, Event, Kind, Recordable};
use crate::stamp::Stamp;

/// What was viewed: the column "video content".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VideoContent {
    /// The camera.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// Which of its presentations.
    #[schema(value_type = String)]
    pub profile: Profile,
    /// Beginning of the recorded stretch; none for live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Stamp>,
    /// End of the recorded stretch, exclusive; none for live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Stamp>,
}

/// On what the video was had: the column "medium type".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Watched live, nothing kept.
    LiveStream,
    /// A recording watched, nothing kept.
    PlaybackStream,
    /// A file was handed out.
    File,
}

/// One viewing, from before its lease to its close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageRecord {
    /// The session it is about.
    #[schema(value_type = String)]
    pub session: SessionId,
    /// Column 1, purpose: the code.
    pub purpose: String,
    /// Column 2, user: the id.
    pub user: String,
    /// Column 3, approver: who approved the grant that the session rests on.
    pub approver: String,
    /// Column 4, video content.
    pub content: VideoContent,
    /// Column 5, time obtained: when the session was opened.
    pub opened_at: Stamp,
    /// Column 6, medium type.
    pub medium: Medium,
    /// The user's unit.
    pub unit: String,
    /// Why, in the user's words (O-16(3)).
    pub reason: String,
    /// The terminal's address.
    pub terminal: String,
    /// The grant it rests on; none where something else allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The export or the snapshot that it is about; none for a viewing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
    /// The session mark that its pictures carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The HTTP request that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When the first media byte left; none if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Stamp>,
    /// The protocol of the first media byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub protocol: Option<Protocol>,
    /// When it ended; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Stamp>,
    /// Media bytes sent over its whole life; not known after a crash.
    #[serde(default)]
    pub bytes: u64,
    /// Why it ended; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub end_reason: Option<EndReason>,
}

impl UsageRecord {
    pub(super) fn started(&self, at: Wall, protocol: Protocol) -> Self {
        Self { started_at: Some(Stamp(at)), protocol: Some(protocol), ..self.clone() }
    }

    pub(super) fn closed(&self, at: Wall, why: EndReason, bytes: u64) -> Self {
        Self { closed_at: Some(Stamp(at)), end_reason: Some(why), bytes, ..self.clone() }
    }

    /// The event of the first media byte.
    pub(super) fn started_event(&self, at: Wall) -> Event {
        let event = self.subject(Event::new(Kind::SESSION_STARTED, at));
        match self.protocol {
            Some(protocol) => event.with("protocol", name(&protocol)),
            None => event,
        }
    }

    fn subject(&self, event: Event) -> Event {
        event
            .actor(Actor { user: self.user.clone(), unit: Some(self.unit.clone()), role: None })
            .terminal(&self.terminal)
            .session(&self.session.0)
            .object(format!("camera/{}", self.content.camera))
            .purpose(&self.purpose)
    }
}

/// The record's opening while it is open, its closing once it is closed. The whole record is in the detail.
impl Recordable for UsageRecord {
    fn event(&self) -> Event {
        let event = match self.closed_at {
            None => Event::new(Kind::SESSION_OPENED, self.opened_at.0),
            Some(at) => Event::new(Kind::SESSION_CLOSED, at.0),
        };
        let mut event = self.subject(event).reason(&self.reason).articles(["J-24(3)"]);
        event.request_id.clone_from(&self.request_id);
        event.code = self.end_reason.as_ref().map(name);
        event.with("usage", serde_json::to_value(self).expect("text keys and plain values always make JSON"))
    }
}

/// The word that serde writes for a plain enum.
fn name<T: Serialize>(word: &T) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(text)) => text,
        other => unreachable!("a plain enum is written as text, not {other:?}"),
    }
}
