//! Opening, renewing and ending a session. On record before there is a URL: the permit and the usage record are on the ledger
//! first, and only with both in hand is a lease made.

use std::sync::Arc;
use std::time::Duration;

use media::id::{Profile, StreamKey};
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use relay::lease::{CannotGrant, Content, EndReason, Lease, Leases, Protocol, SessionId};

use super::inquiry::Inquiry;
use super::metrics::{ALLOWED, SessionMetrics};
use super::table::{Open, Table};
use super::{Settings, ending};
use crate::authn::Principal;
use crate::deps::actor;
use crate::error::{ApiError, Code};
use crate::grants::{GrantBook, Verb};
use crate::ledger::{Decision, Event, Kind, Ledger, Recordable, Recorded};
use crate::mint::{self, NoEntropy, Token};
use crate::policy::{Action, Denial, Permit, decide};
use crate::ports::CameraPort;
use crate::registers::Role;
use crate::store::Store;
use crate::usage::{Medium, Register, UsageError, UsageRecord, VideoContent};

/// Longest reason: a paragraph. Together with the rest it stays far below the size of a ledger entry.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Longest camera id or purpose that is repeated in a record of a refusal.
const ECHO_CHARS_MAX: usize = 64;
/// Roles that may end anybody's session.
const MAY_END: [Role; 2] = [Role::BureauApprover, Role::SecurityAdmin];

/// What a caller asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The camera, as it was given.
    pub camera: String,
    /// `Live` or `Playback`.
    pub verb: Verb,
    /// Which presentation.
    pub profile: Profile,
    /// Purpose code, as it was given.
    pub purpose: String,
    /// Reason, as it was given.
    pub reason: String,
    /// The stretch to be played back.
    pub range: Option<(Wall, Wall)>,
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
    /// An HLS playlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls: Option<String>,
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
    pub mark: String,
}

/// What the desk works with.
pub struct Tools {
    /// State.
    pub store: Store,
    /// The audit log.
    pub ledger: Ledger,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The relay's table of leases.
    pub leases: Arc<Leases>,
    /// The relay's fleet of cameras.
    pub cameras: Arc<dyn CameraPort>,
    /// The usage register.
    pub register: Register,
    /// The grants.
    pub grants: Arc<GrantBook>,
    /// Settings.
    pub settings: Settings,
    /// Counters.
    pub metrics: SessionMetrics,
}

/// All sessions of this appliance.
pub struct SessionDesk {
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) leases: Arc<Leases>,
    pub(super) cameras: Arc<dyn CameraPort>,
    pub(super) register: Register,
    pub(super) grants: Arc<GrantBook>,
    pub(super) settings: Settings,
    pub(super) metrics: SessionMetrics,
    pub(super) table: Mutex<Table>,
}

impl SessionDesk {
    /// A desk with no session open.
    pub fn new(tools: Tools) -> Arc<Self> {
        let Tools { store, ledger, clock, leases, cameras, register, grants, settings, metrics } = tools;
        let table = Mutex::default();
        Arc::new(Self { store, ledger, clock, leases, cameras, register, grants, settings, metrics, table })
    }

    /// Decides, records, leases. Once begun it goes on to its end even if the caller goes away: a lease nobody uses ends
    /// by itself, a record without a lease would not.
    pub async fn open(self: &Arc<Self>, caller: &Principal, ask: Ask, origin: Origin) -> Result<Opened, ApiError> {
        let (desk, caller) = (Arc::clone(self), caller.clone());
        let opening = tokio::spawn(async move { desk.open_to_end(&caller, &ask, &origin).await });
        opening.await.unwrap_or_else(|failed| {
            tracing::error!(error = %failed, "opening a session failed");
            Err(Code::Internal.into())
        })
    }

    async fn open_to_end(&self, caller: &Principal, ask: &Ask, origin: &Origin) -> Result<Opened, ApiError> {
        let action = ask.action(self.clock.wall(), self.settings.playback_max)?;
        let inquiry = Inquiry { user: caller.user(), terminal: caller.terminal(), camera: &ask.camera, running: None };
        let decision = decide(&self.facts(&inquiry)?, &action);
        let permit = match decision {
            Ok(permit) => permit,
            Err(denial) => return Err(self.refuse(caller, ask, &origin.request_id, denial).await),
        };
        let new = NewSession::of(permit, caller, origin)?;
        let (permit, usage) = self.put_on_record(&new).await?;
        let (id, expires_at) = (new.id.clone(), self.expiry(&permit.value().permit, new.opened_at));
        if let Err(error) = self.lease(permit, &usage, &new, expires_at) {
            tracing::warn!(session = %id.0, %error, "no lease");
            self.close_unused(&id).await;
            return Err(Code::ConcurrencyLimit.into());
        }
        // A right that was taken away since the decision found no session to end; it is found here, before the URL leaves.
        if let Err(denial) = decide(&self.facts(&Inquiry { running: Some(&id), ..inquiry })?, &action) {
            self.end(&id, ending::reason(denial.code));
            return Err(self.refuse(caller, ask, &origin.request_id, denial).await);
        }
        self.metrics.decisions.with_label_values(&[ALLOWED]).inc();
        let urls = self.urls(&new, origin.host.as_deref());
        Ok(Opened { id, urls, expires_at, mark: new.mark })
    }

    /// Both records at once, so that they share a sync of the ledger.
    async fn put_on_record(&self, new: &NewSession) -> Result<(Recorded<Permitted>, Recorded<UsageRecord>), ApiError> {
        let permitted = Permitted { permit: new.permit.clone(), session: new.id.clone(), at: new.opened_at };
        let (permit, usage) = tokio::join!(self.ledger.record_async(permitted), self.register.open(new.usage_record()));
        match (permit, usage) {
            (Ok(permit), Ok(usage)) => Ok((permit, usage)),
            (permit, usage) => {
                if usage.is_ok() {
                    self.close_unused(&new.id).await;
                }
                let unavailable = permit.is_err() || matches!(usage, Err(UsageError::Ledger(_)));
                let error = usage.err().map(|e| e.to_string()).or(permit.err().map(|e| e.to_string()));
                tracing::error!(error = error.unwrap_or_default(), "a session could not be put on record");
                let code = if unavailable { Code::AuditUnavailable } else { Code::Internal };
                self.metrics.decisions.with_label_values(&[code.text()]).inc();
                Err(code.into())
            }
        }
    }

    /// Hands the lease to the relay. That both records are on the ledger is in the types.
    fn lease(
        &self,
        permit: Recorded<Permitted>,
        usage: &Recorded<UsageRecord>,
        new: &NewSession,
        expires_at: Wall,
    ) -> Result<(), CannotGrant> {
        let permit = permit.into_inner().permit;
        let stream = StreamKey { camera: permit.camera().clone(), profile: permit.profile() };
        let content = match permit.range() {
            None => Content::Live(stream),
            Some((from, to)) => Content::Playback { stream, from, to },
        };
        let lease = Lease {
            session: usage.value().session.clone(),
            token: new.token.hash,
            content,
            terminal: new.terminal,
            protocols: new.protocols(),
            first_byte_by: self.clock.monotonic() + self.settings.first_byte_timeout,
            expires_at: self.monotonic_at(expires_at),
        };
        let (terminal, opened_at) = (new.terminal, new.opened_at);
        let open = Open { permit, terminal, mark: new.mark.clone(), opened_at, expires_at };
        // Under one lock, so that whoever ends what hangs on a right finds either no session or one with its lease.
        let mut table = self.table.lock();
        self.leases.grant(lease)?;
        table.put(new.id.clone(), open);
        self.metrics.open.set(i64::try_from(table.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Prolongs a session of the caller's own, after deciding anew.
    pub async fn renew(&self, caller: &Principal, id: &SessionId, request_id: &str) -> Result<Wall, ApiError> {
        let open = self.table.lock().find(id).cloned().ok_or(Code::NotFound)?;
        if open.permit.user() != caller.user() {
            return Err(Code::NotFound.into());
        }
        let ask = Ask::again(&open.permit);
        let action = ask.action_as_it_was();
        let inquiry =
            Inquiry { user: caller.user(), terminal: caller.terminal(), camera: &ask.camera, running: Some(id) };
        let permit = match decide(&self.facts(&inquiry)?, &action) {
            Ok(permit) => permit,
            Err(denial) => return Err(self.refuse(caller, &ask, request_id, denial).await),
        };
        let expires_at = self.expiry(&permit, open.opened_at);
        let event = Event::new(Kind::SESSION_RENEWED, self.clock.wall())
            .actor(actor(caller))
            .terminal(caller.terminal().to_string())
            .session(&id.0)
            .request_id(request_id)
            .with("permit", as_value(&permit))
            .with("expires_at", crate::stamp::Stamp(expires_at).to_string());
        self.ledger.append_async(&event).await.map_err(|_| Code::AuditUnavailable)?;
        let mut table = self.table.lock();
        if table.find(id).is_none() || !self.leases.renew(id, self.monotonic_at(expires_at)) {
            return Err(Code::NotFound.into());
        }
        table.put(id.clone(), Open { permit, expires_at, ..open });
        Ok(expires_at)
    }

    /// Ends a session at its viewer's wish, or at an overseer's.
    pub async fn stop(&self, caller: &Principal, id: &SessionId, request_id: &str) -> Result<(), ApiError> {
        let open = self.table.lock().find(id).cloned().ok_or(Code::NotFound)?;
        let own = open.permit.user() == caller.user();
        if !own && !caller.roles().has_any(&MAY_END) {
            return Err(Code::NotFound.into());
        }
        self.end(id, if own { EndReason::User } else { EndReason::Revoked });
        let event = Event::new(ending::END_ASKED, self.clock.wall())
            .actor(actor(caller))
            .terminal(caller.terminal().to_string())
            .session(&id.0)
            .request_id(request_id);
        self.ledger.append_async(&event).await.map_err(|_| Code::AuditUnavailable)?;
        Ok(())
    }

    /// Puts a refusal on the ledger and counts it.
    async fn refuse(&self, caller: &Principal, ask: &Ask, request_id: &str, denial: Denial) -> ApiError {
        let echo = |text: &str| text.chars().take(ECHO_CHARS_MAX).collect::<String>();
        let mut event = Event::new(Kind::DENIED, self.clock.wall())
            .actor(actor(caller))
            .terminal(caller.terminal().to_string())
            .action(verb_word(ask.verb))
            .object(format!("camera/{}", echo(&ask.camera)))
            .decision(Decision::Deny)
            .code(denial.code.text())
            .articles(denial.articles.iter().copied())
            .purpose(echo(&ask.purpose))
            .reason(ask.reason.chars().take(REASON_CHARS_MAX).collect::<String>())
            .request_id(request_id)
            .with("policy_version", crate::policy::POLICY_VERSION);
        if let Some(grant) = &denial.grant {
            event = event.with("grant", grant.0.clone());
        }
        let written = self.ledger.append_async(&event).await;
        let code = if written.is_ok() { denial.code } else { Code::AuditUnavailable };
        self.metrics.decisions.with_label_values(&[code.text()]).inc();
        if written.is_ok() { ApiError::from(denial).recorded() } else { code.into() }
    }

    /// Closes a record whose session never had a lease.
    async fn close_unused(&self, id: &SessionId) {
        if let Err(error) = self.register.close(id, self.clock.wall(), EndReason::Idle, 0).await {
            tracing::error!(session = %id.0, %error, "a usage record without a lease stays open until the next look");
        }
    }

    fn expiry(&self, permit: &Permit, opened_at: Wall) -> Wall {
        let leased = self.clock.wall() + self.settings.lease;
        leased.min(opened_at + self.settings.session_max).min(permit.until())
    }

    fn monotonic_at(&self, at: Wall) -> Duration {
        self.clock.monotonic() + at.since(self.clock.wall())
    }

    fn urls(&self, new: &NewSession, asked_host: Option<&str>) -> Urls {
        let public = self.settings.public_host.as_deref();
        let authority = |port: u16| match public {
            Some(host) => format!("{host}:{port}"),
            None => asked_host.map_or_else(|| format!("localhost:{port}"), Into::into),
        };
        let http = authority(self.settings.http_port);
        let rtsp = public.unwrap_or_else(|| without_port(&http));
        let token = &new.token.text;
        let mut urls = Urls::default();
        for protocol in new.protocols() {
            match protocol {
                Protocol::Rtsp => urls.rtsp = Some(format!("rtsp://{rtsp}:{}/s/{token}", self.settings.rtsp_port)),
                Protocol::Hls => urls.hls = Some(format!("http://{http}/s/{token}/index.m3u8")),
                Protocol::Mse | Protocol::Whep => {}
            }
        }
        urls
    }
}

/// The host of `host:port`; a bracketed IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

pub(super) const fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Playback => "playback",
        _ => "live",
    }
}

fn as_value(permit: &Permit) -> serde_json::Value {
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
        }
    }

    pub(super) fn action_as_it_was(&self) -> Action {
        let (verb, profile, range) = (self.verb, self.profile, self.range);
        Action { verb, profile, purpose: self.purpose.clone(), reason: self.reason.clone(), range }
    }

    fn action(&self, now: Wall, playback_max: Duration) -> Result<Action, ApiError> {
        if self.reason.chars().count() > REASON_CHARS_MAX {
            return Err(ApiError::field("reason", "最多1000个字符。", "At most 1000 characters."));
        }
        match (self.verb, self.range) {
            (Verb::Live, None) => {}
            (Verb::Playback, Some((from, to))) if from < to && from < now && to.since(from) <= playback_max => {}
            (Verb::Playback, _) => {
                return Err(ApiError::field(
                    "from",
                    "回放须给出已过去的起止时间,起早于止,跨度不超过上限。",
                    "Playback needs a past stretch, from before to, no longer than the limit.",
                ));
            }
            (Verb::Live, Some(_)) => {
                return Err(ApiError::field("from", "实时调看没有时间范围。", "Live has no from and to."));
            }
            _ => return Err(ApiError::field("verb", "须为 live 或 playback。", "Use live or playback.")),
        }
        Ok(self.action_as_it_was())
    }
}

/// A permit with the session it was given for: what the ledger hears of a favourable decision.
struct Permitted {
    permit: Permit,
    session: SessionId,
    at: Wall,
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
struct NewSession {
    permit: Permit,
    id: SessionId,
    token: Token,
    mark: String,
    opened_at: Wall,
    terminal: std::net::IpAddr,
    request_id: String,
}

impl NewSession {
    fn of(permit: Permit, caller: &Principal, origin: &Origin) -> Result<Self, ApiError> {
        let opened_at = permit.decided_at();
        let made = || -> Result<_, NoEntropy> {
            Ok((SessionId(mint::sortable_id(opened_at)?), Token::fresh()?, mint::mark()?))
        };
        let (id, token, mark) = made().map_err(|error| {
            tracing::error!(%error, "no session can be made");
            ApiError::new(Code::Internal)
        })?;
        let (terminal, request_id) = (caller.terminal(), origin.request_id.clone());
        Ok(Self { permit, id, token, mark, opened_at, terminal, request_id })
    }

    /// RTSP is for players of others: only where the grant says so. Recordings are watched over HLS.
    fn protocols(&self) -> Vec<Protocol> {
        match self.permit.verb() {
            Verb::Playback => vec![Protocol::Hls],
            _ if self.permit.raw() => vec![Protocol::Rtsp],
            _ => Vec::new(),
        }
    }

    fn usage_record(&self) -> UsageRecord {
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
            medium: if range.is_some() { Medium::PlaybackStream } else { Medium::LiveStream },
            unit: permit.unit().to_string(),
            reason: permit.reason().into(),
            terminal: self.terminal.to_string(),
            grant: Some(permit.grant().0.clone()),
            mark: Some(self.mark.clone()),
            request_id: Some(self.request_id.clone()),
            started_at: None,
            protocol: None,
            closed_at: None,
            bytes: 0,
            end_reason: None,
        }
    }
}
