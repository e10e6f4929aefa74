//! Opening, renewing and ending a session. On record before there is a URL: the permit and the usage record are on the ledger
//! first, and only with both in hand is a lease made.

use std::sync::Arc;
use std::time::Duration;

use media::id::StreamKey;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use relay::lease::{CannotGrant, Content, EndReason, Lease, Leases, Priority, SessionId};

use super::asking::{Ask, NewSession, Opened, Origin, Permitted, REASON_CHARS_MAX, as_value, verb_word};
use super::balance::Balance;
use super::hands::{EndedBy, Hands};
use super::inquiry::Inquiry;
use super::metrics::{ALLOWED, SessionMetrics};
use super::table::{Open, Table};
use super::{Settings, ending};
use crate::authn::Principal;
use crate::clock_trust::ClockTrust;
use crate::error::{ApiError, Code};
use crate::grants::GrantBook;
use crate::ledger::{Decision, Event, Kind, Ledger, Recorded};
use crate::policy::{Denial, Permit, Policies};
use crate::ports::{CameraPort, RetentionPort};
use crate::register::desk::Desk;
use crate::registers::Role;
use crate::store::Store;
use crate::unusual::{Use, Uses};
use crate::usage::{Register, UsageError, UsageRecord};

/// Longest camera id or purpose that is repeated in a record of a refusal.
const ECHO_CHARS_MAX: usize = 64;
/// Roles that may end anybody's session.
const MAY_END: [Role; 2] = [Role::BureauApprover, Role::SecurityAdmin];

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
    /// The policies.
    pub policies: Arc<Policies>,
    /// Whether the clock can be trusted.
    pub clock_trust: Arc<ClockTrust>,
    /// The registers.
    pub registers: Desk,
    /// What there is of recordings.
    pub kept: Arc<dyn RetentionPort>,
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
    pub(super) policies: Arc<Policies>,
    pub(super) clock_trust: Arc<ClockTrust>,
    pub(super) kept: Arc<dyn RetentionPort>,
    pub(super) settings: Settings,
    pub(super) metrics: SessionMetrics,
    pub(super) table: Mutex<Table>,
    pub(super) balance: Balance,
    pub(super) registers: Desk,
    pub(super) uses: Mutex<Uses>,
    pub(super) hands: Mutex<Hands>,
}

impl SessionDesk {
    /// A desk with no session open.
    pub fn new(tools: Tools) -> Arc<Self> {
        let Tools { store, ledger, clock, leases, cameras, register, grants, .. } = tools;
        let Tools { policies, clock_trust, registers, kept, settings, metrics, .. } = tools;
        let uses = Mutex::new(Uses::new(settings.unusual.clone(), settings.zone.clone()));
        let (table, balance) = (Mutex::default(), Balance::default());
        Arc::new(Self {
            store,
            ledger,
            clock,
            leases,
            cameras,
            register,
            grants,
            policies,
            clock_trust,
            kept,
            settings,
            metrics,
            table,
            balance,
            registers,
            uses,
            hands: Mutex::default(),
        })
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
        let permit = self.permit_or_refuse(caller, ask, &action, None, &origin.request_id).await?;
        let new = NewSession::of(permit, caller, origin)?;
        let (permit, usage) = self.put_on_record(&new).await?;
        let (id, expires_at) = (new.id.clone(), self.expiry(caller, &permit.value().permit, new.opened_at));
        if let Err(error) = self.lease(permit, &usage, &new, expires_at) {
            tracing::warn!(session = %id.0, %error, "no lease");
            self.close_unused(&id).await;
            let code = match error {
                CannotGrant::Egress { .. } => Code::BandwidthLimit,
                CannotGrant::Full { .. } | CannotGrant::Unrecorded { .. } | CannotGrant::Duplicate => {
                    Code::ConcurrencyLimit
                }
            };
            return Err(code.into());
        }
        // A right that was taken away since the decision found no session to end; it is found here, before the URL leaves.
        if let Err(denial) = self.decide(&self.facts(&Inquiry::of(caller, ask, Some(&id)))?, &action) {
            self.end(&id, ending::reason(denial.code));
            return Err(self.refuse(caller, ask, &origin.request_id, denial).await);
        }
        if self.is_unusual(caller, Use::View(new.permit.camera().clone()), &id.0).await {
            self.end(&id, EndReason::Anomaly);
            return Err(self.refused(caller, ask, &origin.request_id, Code::AnomalySuspended).await);
        }
        self.metrics.decisions.with_label_values(&[ALLOWED]).inc();
        let urls = new.urls(&self.settings, origin.host.as_deref());
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
        let expected_bits = self.expected_bits(&stream);
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
            mark: new.mark,
            merge_latency: if permit.steers() { Duration::ZERO } else { self.settings.merge_latency },
            priority: if permit.emergency().is_some() { Priority::Emergency } else { Priority::Ordinary },
            expected_bits,
            first_byte_by: self.clock.monotonic() + self.settings.first_byte_timeout,
            expires_at: self.monotonic_at(expires_at),
        };
        let (terminal, opened_at) = (new.terminal, new.opened_at);
        let open = Open { permit, terminal, key: new.key.clone(), mark: new.mark, opened_at, expires_at };
        // Under one lock, so that whoever ends what hangs on a right finds either no session or one with its lease.
        let mut table = self.table.lock();
        self.leases.grant(lease)?;
        table.put(new.id.clone(), open);
        self.metrics.open.set(i64::try_from(table.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Prolongs a session of the caller's own, after deciding anew.
    pub async fn renew(&self, caller: &Principal, id: &SessionId, request_id: &str) -> Result<Wall, ApiError> {
        let open = self.table.lock().find(id).cloned();
        let open = open.ok_or_else(|| self.why_gone(caller, id))?;
        if open.permit.user() != caller.user() {
            return Err(Code::NotFound.into());
        }
        let ask = Ask::again(&open.permit);
        let action = ask.action_as_it_was();
        let permit = self.permit_or_refuse(caller, &ask, &action, Some(id), request_id).await?;
        let expires_at = self.expiry(caller, &permit, open.opened_at);
        let event = Event::new(Kind::SESSION_RENEWED, self.clock.wall())
            .actor(caller.actor())
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

    /// What is said of a session that does not run: one's own that made way for an emergency is told so.
    fn why_gone(&self, caller: &Principal, id: &SessionId) -> Code {
        let record = self.register.find(id).ok().flatten();
        let made_way = record.is_some_and(|record| {
            record.user == caller.user().as_str() && record.end_reason == Some(EndReason::Preempted)
        });
        if made_way { Code::PreemptedByEmergency } else { Code::NotFound }
    }

    /// Ends a session at its viewer's wish, or at an overseer's, who may say why.
    pub async fn stop(&self, caller: &Principal, id: &SessionId, why: &str, request_id: &str) -> Result<(), ApiError> {
        let open = self.table.lock().find(id).cloned().ok_or(Code::NotFound)?;
        let own = open.permit.user() == caller.user();
        if !own && !caller.roles().has_any(&MAY_END) {
            return Err(Code::NotFound.into());
        }
        self.hands.lock().put(id, EndedBy { user: caller.user().clone(), reason: why.into() });
        self.end(id, if own { EndReason::User } else { EndReason::Revoked });
        let asked = Event::new(ending::END_ASKED, self.clock.wall());
        let event = if why.is_empty() { asked } else { asked.reason(why) };
        let event =
            event.actor(caller.actor()).terminal(caller.terminal().to_string()).session(&id.0).request_id(request_id);
        self.ledger.append_async(&event).await.map_err(|_| Code::AuditUnavailable)?;
        Ok(())
    }

    /// Counts a refusal that was decided before it came here: no sign-in, no role for a call.
    pub fn count_refusal(&self, code: Code) {
        self.metrics.decisions.with_label_values(&[code.text()]).inc();
    }

    /// Puts a refusal on the ledger and counts it.
    pub(super) async fn refuse(&self, caller: &Principal, ask: &Ask, request_id: &str, denial: Denial) -> ApiError {
        let echo = |text: &str| text.chars().take(ECHO_CHARS_MAX).collect::<String>();
        let mut event = Event::new(Kind::DENIED, self.clock.wall())
            .actor(caller.actor())
            .terminal(caller.terminal().to_string())
            .action(verb_word(ask.verb))
            .object(format!("camera/{}", echo(&ask.camera)))
            .decision(Decision::Deny)
            .code(denial.code.text())
            .articles(denial.articles.iter().copied())
            .purpose(echo(&ask.purpose))
            .reason(ask.reason.chars().take(REASON_CHARS_MAX).collect::<String>())
            .request_id(request_id)
            .with("rule", denial.rule.to_string());
        if let Some(basis) = &denial.basis {
            event = basis.onto(event);
        }
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

    fn expiry(&self, caller: &Principal, permit: &Permit, opened_at: Wall) -> Wall {
        let leased = self.clock.wall() + self.settings.lease;
        let until = caller.key().map_or(permit.until(), |key| key.expires_at.min(permit.until()));
        leased.min(opened_at + self.settings.session_max).min(until)
    }

    fn monotonic_at(&self, at: Wall) -> Duration {
        self.clock.monotonic() + at.since(self.clock.wall())
    }
}
