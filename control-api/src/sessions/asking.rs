//! What is asked for, and what a new session is made of: its permit, id, token and mark, its records and its URLs. Plain values;
//! the order of what happens to them is `desk`'s.

use std::net::IpAddr;
use std::time::Duration;

use media::id::Profile;
use media::mark::SessionMark;
use media::wall::Wall;
use relay::lease::{Protocol, SessionId};

use super::Settings;
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::grants::Verb;
use crate::ledger::{Decision, Event, Kind, Recordable};
use crate::mint::{self, NoEntropy, Token};
use crate::playback::DOWNLOAD;
use crate::policy::{Action, Permit};
use crate::registers::LoginId;
use crate::usage::{Medium, UsageRecord, VideoContent};

/// Longest reason: a paragraph. Together with the rest it stays far below the size of a ledger entry.
pub const REASON_CHARS_MAX: usize = 1_000;

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The camera, as it was given.
    pub camera: String,
    /// What is to be done.
    pub verb: Verb,
    /// Which presentation.
    pub profile: Profile,
    /// Purpose code, as it was given.
    pub purpose: String,
    /// Reason, as it was given.
    pub reason: String,
    /// The stretch to be played back.
    pub range: Option<(Wall, Wall)>,
    /// The emergency that is claimed.
    pub emergency: Option<String>,
}

/// The request that asks.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its id, as in the answer.
    pub request_id: String,
    /// The host it was sent to, with port, where it named one.
    pub host: Option<String>,
}

/// Where a session can be watched. The token in them is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Urls {
    /// RTSP, for grants that carry `raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtsp: Option<String>,
    /// RTSP over TLS, for the same, where the appliance speaks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtsps: Option<String>,
    /// Fragmented MP4 over a WebSocket, for Media Source Extensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mse: Option<String>,
    /// An HLS playlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls: Option<String>,
    /// Where a WebRTC offer is posted (WHEP).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whep: Option<String>,
    /// The stretch as one MP4 file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download: Option<String>,
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its id.
    pub id: SessionId,
    /// Where it can be watched.
    pub urls: Urls,
    /// When its lease runs out unless renewed.
    pub expires_at: Wall,
    /// Its mark.
    pub mark: SessionMark,
}

/// The host of `host:port`; a bracketed IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// An IPv6 address needs brackets in a URL.
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.into() }
}

pub(super) const fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Playback => "playback",
        Verb::Download => "download",
        Verb::Export => "export",
        Verb::Snapshot => "snapshot",
        _ => "live",
    }
}

pub(super) fn as_value(permit: &Permit) -> serde_json::Value {
    serde_json::to_value(permit).expect("text keys and plain values always make JSON")
}

impl Ask {
    /// Asks again for what a permit gave.
    pub(super) fn again(permit: &Permit) -> Self {
        Self {
            camera: permit.camera().to_string(),
            verb: permit.verb(),
            profile: permit.profile(),
            purpose: permit.purpose().to_string(),
            reason: permit.reason().into(),
            range: permit.range(),
            emergency: permit.emergency().map(Into::into),
        }
    }

    pub(super) fn action_as_it_was(&self) -> Action {
        let (verb, profile, range) = (self.verb, self.profile, self.range);
        let emergency = self.emergency.clone();
        Action { verb, profile, purpose: self.purpose.clone(), reason: self.reason.clone(), range, emergency }
    }

    /// The action, where the parts of the wish fit together.
    pub(super) fn action(&self, now: Wall, playback_max: Duration) -> Result<Action, ApiError> {
        if self.reason.chars().count() > REASON_CHARS_MAX {
            return Err(ApiError::field("reason", "最多1000个字符。", "At most 1000 characters."));
        }
        match (self.verb, self.range) {
            (Verb::Live | Verb::Snapshot, None) => {}
            (Verb::Playback | Verb::Export | Verb::Snapshot, Some((from, to)))
                if from < to && from < now && to.since(from) <= playback_max => {}
            (Verb::Download, Some((from, to))) if from < to && to <= now && to.since(from) <= playback_max => {}
            (Verb::Download, _) => {
                return Err(ApiError::field(
                    "to",
                    "下载须给出已全部过去的起止时间,起早于止,跨度不超过上限。",
                    "A download needs a stretch that is wholly past, from before to, no longer than the limit.",
                ));
            }
            (Verb::Playback | Verb::Export | Verb::Snapshot, _) => {
                return Err(ApiError::field(
                    "from",
                    "回放须给出已过去的起止时间,起早于止,跨度不超过上限。",
                    "Playback needs a past stretch, from before to, no longer than the limit.",
                ));
            }
            (Verb::Live, Some(_)) => {
                return Err(ApiError::field("from", "实时调看没有时间范围。", "Live has no from and to."));
            }
            _ => {
                return Err(ApiError::field(
                    "verb",
                    "须为 live、playback 或 download。",
                    "Use live, playback or download.",
                ));
            }
        }
        Ok(self.action_as_it_was())
    }
}

/// A permit with the session it was given for: what the ledger hears of a favourable decision.
pub(super) struct Permitted {
    pub(super) permit: Permit,
    pub(super) session: SessionId,
    pub(super) at: Wall,
}

impl Recordable for Permitted {
    fn event(&self) -> Event {
        let permit = &self.permit;
        let unit = Some(permit.unit().to_string());
        Event::new(Kind::ALLOWED, self.at)
            .actor(crate::ledger::Actor { user: permit.user().to_string(), unit, role: None })
            .action(verb_word(permit.verb()))
            .object(format!("camera/{}", permit.camera()))
            .session(&self.session.0)
            .decision(Decision::Allow)
            .purpose(permit.purpose().as_str())
            .articles(["J-7"])
            .with("permit", as_value(permit))
    }
}

/// All that a new session is made of.
pub(super) struct NewSession {
    pub(super) permit: Permit,
    pub(super) id: SessionId,
    pub(super) token: Token,
    pub(super) mark: SessionMark,
    pub(super) opened_at: Wall,
    pub(super) terminal: IpAddr,
    pub(super) key: Option<LoginId>,
    request_id: String,
}

impl NewSession {
    pub(super) fn of(permit: Permit, caller: &Principal, origin: &Origin) -> Result<Self, ApiError> {
        let opened_at = permit.decided_at();
        let made = || -> Result<_, NoEntropy> {
            Ok((SessionId(mint::sortable_id(opened_at)?), Token::fresh()?, mint::mark()?))
        };
        let (id, token, mark) = made().map_err(|error| {
            tracing::error!(%error, "no session can be made");
            ApiError::new(Code::Internal)
        })?;
        let (terminal, request_id) = (caller.terminal(), origin.request_id.clone());
        let key = caller.key().map(|_| caller.login().clone());
        Ok(Self { permit, id, token, mark, opened_at, terminal, key, request_id })
    }

    /// Where it can be watched: at the public host, or else where the caller found us.
    pub(super) fn urls(&self, settings: &Settings, asked_host: Option<&str>) -> Urls {
        let public = settings.public_host.as_deref().map(bracketed);
        let http = match (&public, asked_host) {
            (Some(host), _) => format!("{host}:{}", settings.http_port),
            (None, Some(asked)) => asked.into(),
            (None, None) => format!("localhost:{}", settings.http_port),
        };
        let host = public.as_deref().unwrap_or_else(|| without_port(&http));
        let token = &self.token.text;
        let s = if settings.http_tls { "s" } else { "" };
        let mut urls = Urls::default();
        for protocol in self.protocols() {
            match protocol {
                Protocol::Rtsp => {
                    urls.rtsp = Some(format!("rtsp://{host}:{}/s/{token}", settings.rtsp_port));
                    urls.rtsps = settings.rtsps_port.map(|port| format!("rtsps://{host}:{port}/s/{token}"));
                }
                Protocol::Hls => urls.hls = Some(format!("http{s}://{http}/s/{token}/index.m3u8")),
                Protocol::Download => urls.download = Some(format!("http{s}://{http}/s/{token}/{DOWNLOAD}")),
                Protocol::Mse => urls.mse = Some(format!("ws{s}://{http}/s/{token}/mse")),
                Protocol::Whep => urls.whep = Some(format!("http{s}://{http}/s/{token}/whep")),
            }
        }
        urls
    }

    /// RTSP is for players of others: only where the grant says so.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        let own: &[Protocol] = match self.permit.verb() {
            Verb::Download => return vec![Protocol::Download],
            Verb::Playback => &[Protocol::Hls],
            _ => &[Protocol::Mse, Protocol::Hls, Protocol::Whep],
        };
        own.iter().copied().chain(self.permit.raw().then_some(Protocol::Rtsp)).collect()
    }

    pub(super) fn usage_record(&self) -> UsageRecord {
        let permit = &self.permit;
        let range = permit.range();
        UsageRecord {
            session: self.id.clone(),
            purpose: permit.purpose().to_string(),
            user: permit.user().to_string(),
            approver: permit.approver().to_string(),
            content: VideoContent {
                camera: permit.camera().clone(),
                profile: permit.profile(),
                from: range.map(|(from, _)| from.into()),
                to: range.map(|(_, to)| to.into()),
            },
            opened_at: self.opened_at.into(),
            medium: match permit.verb() {
                Verb::Download => Medium::File,
                _ if range.is_some() => Medium::PlaybackStream,
                _ => Medium::LiveStream,
            },
            unit: permit.unit().to_string(),
            reason: permit.reason().into(),
            terminal: self.terminal.to_string(),
            grant: Some(permit.grant().0.clone()),
            export: None,
            mark: Some(self.mark.to_string()),
            request_id: Some(self.request_id.clone()),
            started_at: None,
            protocol: None,
            closed_at: None,
            bytes: 0,
            end_reason: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_kind_make_urls() {
        assert_eq!(without_port("sluice.test:8080"), "sluice.test");
        assert_eq!(without_port("[2001:db8::1]:8080"), "[2001:db8::1]");
        assert_eq!(without_port("[2001:db8::1]"), "[2001:db8::1]");
        assert_eq!(bracketed("2001:db8::1"), "[2001:db8::1]");
        assert_eq!(bracketed("10.0.0.1"), "10.0.0.1");
    }
}
