//! What the relay tells, on record: starts and closes in the usage register, refusals at the media ports on the ledger. And
//! the look, now and then, that leases and records agree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use media::wall::Wall;
use relay::lease::{EndReason, EventReceiver, SessionEvent, SessionId};

use super::SessionDesk;
use crate::ledger::{Decision, Event, Kind};
use crate::usage::UsageError;

/// Events taken together, so that their records share a sync: a revocation of 5,000 sessions is 20 turns.
const EVENTS_TOGETHER_MAX: usize = 256;
/// Refusals in one turn that get an entry each; those beyond are told as counts. A person who mistypes makes a few.
const REFUSALS_SINGLE_MAX: usize = 8;
/// Wait between turns while refusals come thick, so that a flood makes a few entries a second and not hundreds.
const FLOOD_PAUSE: Duration = Duration::from_millis(250);
/// How often leases and records are compared.
const COMPARE_EVERY: Duration = Duration::from_secs(10);
/// A record without a lease this long after its opening was lost on the way.
const LEASE_DUE_AFTER: Duration = Duration::from_secs(30);

impl SessionDesk {
    /// Takes the relay's events until it is gone.
    pub async fn listen(&self, mut events: EventReceiver) {
        while let Some(first) = events.recv().await {
            let mut turn = vec![first];
            while turn.len() < EVENTS_TOGETHER_MAX
                && let Some(next) = events.try_recv()
            {
                turn.push(next);
            }
            let refusals = self.take_turn(turn).await;
            if refusals > REFUSALS_SINGLE_MAX {
                tokio::time::sleep(FLOOD_PAUSE).await;
            }
        }
    }

    /// All starts, then all closes, then the refusals: a session's start comes before its close. Gives how many refusals.
    async fn take_turn(&self, turn: Vec<SessionEvent>) -> usize {
        let (mut started, mut closed, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for event in turn {
            match event {
                SessionEvent::Started { session, at, protocol } => started.push((session, at, protocol)),
                SessionEvent::Closed { session, at, reason, bytes } => closed.push((session, at, reason, bytes)),
                refusal @ SessionEvent::Refused { .. } => refused.push(refusal),
            }
        }
        let starts = started.iter().map(|(id, at, protocol)| async {
            note(id, self.register.started(id, *at, *protocol).await.map(drop));
        });
        join_all(starts).await;
        join_all(closed.iter().map(|(id, at, why, bytes)| self.closed(id, *at, *why, *bytes))).await;
        let refusals = refused.len();
        self.put_refusals_on_record(&refused).await;
        refusals
    }

    async fn closed(&self, id: &SessionId, at: Wall, why: EndReason, bytes: u64) {
        self.forget(id);
        self.metrics.ended(why);
        let closed = self.register.close(id, at, why, bytes).await;
        if let Ok(record) = &closed {
            self.balance.recorded(record.bytes);
            if let Ok(user) = record.user.parse() {
                self.uses.lock().ended(&user, &id.0, at);
            }
        }
        note(id, closed.map(drop));
    }

    fn forget(&self, id: &SessionId) {
        let mut table = self.table.lock();
        table.remove(id);
        self.metrics.open.set(i64::try_from(table.len()).unwrap_or(i64::MAX));
    }

    async fn put_refusals_on_record(&self, refused: &[SessionEvent]) {
        let (single, merged) = refused.split_at(refused.len().min(REFUSALS_SINGLE_MAX));
        let mut events: Vec<_> = single.iter().filter_map(refusal_event).collect();
        events.extend(merged_event(merged, self.clock.wall()));
        self.metrics.refusals_merged.inc_by(merged.len() as u64);
        for outcome in join_all(events.iter().map(|event| self.ledger.append_async(event))).await {
            if let Err(error) = outcome {
                tracing::error!(%error, "a refusal at a media port is not on the ledger");
            }
        }
    }

    /// Compares leases and records now and then, for as long as it is polled.
    pub async fn compare(&self) {
        loop {
            tokio::time::sleep(COMPARE_EVERY).await;
            if let Err(error) = self.compare_once().await {
                tracing::error!(%error, "leases and usage records could not be compared");
            }
        }
    }

    /// Sets the gauge of sessions without a record, and closes records whose session is not there any more.
    pub async fn compare_once(&self) -> Result<(), UsageError> {
        // Leases first: a session that opens in between has its record before its lease.
        let leased: BTreeSet<SessionId> = self.leases.snapshots().into_iter().map(|s| s.session).collect();
        let records = self.register.open_ones()?;
        let recorded: BTreeSet<&SessionId> = records.iter().map(|record| &record.session).collect();
        let mut unrecorded = 0;
        for id in leased.iter().filter(|id| !recorded.contains(id)) {
            // Closed in between is no alarm; still leased and still without an open record is.
            unrecorded += i64::from(self.leases.snapshot(id).is_some() && !self.is_recorded(id)?);
        }
        self.ledger.sessions_without_record().set(unrecorded);
        let unaccounted = self.balance.unaccounted(self.leases.totals());
        self.metrics.bytes_unaccounted.set(i64::try_from(unaccounted).unwrap_or(i64::MAX));
        let due = self.clock.wall() - LEASE_DUE_AFTER;
        let lost = |record: &&crate::usage::UsageRecord| {
            let old = record.opened_at.0 < due;
            old && record.export.is_none()
                && !leased.contains(&record.session)
                && self.leases.snapshot(&record.session).is_none()
        };
        for record in records.iter().filter(lost) {
            tracing::warn!(session = %record.session.0, "a usage record without a session is closed");
            self.closed(&record.session, self.clock.wall(), EndReason::Crash, 0).await;
        }
        Ok(())
    }

    /// True while a usage record is open, or cannot be looked up.
    pub fn any_unclosed(&self) -> bool {
        self.register.open_ones().map_or(true, |open| !open.is_empty())
    }

    fn is_recorded(&self, id: &SessionId) -> Result<bool, UsageError> {
        Ok(self.register.find(id)?.is_some_and(|record| record.closed_at.is_none()))
    }
}

fn note(id: &SessionId, outcome: Result<(), UsageError>) {
    match outcome {
        Ok(()) => {}
        Err(UsageError::Ledger(error)) => {
            tracing::error!(session = %id.0, %error, "the ledger hears of this session at the next start");
        }
        Err(error) => tracing::error!(session = %id.0, %error, "a usage record could not be kept"),
    }
}

fn refusal_event(event: &SessionEvent) -> Option<Event> {
    let SessionEvent::Refused { at, peer, protocol, session, why } = event else { return None };
    let event = Event::new(Kind::MEDIA_REFUSED, *at)
        .terminal(peer.to_string())
        .action(protocol.as_str())
        .decision(Decision::Deny)
        .code(why.code())
        .articles(["J-26", "J-27"])
        .with("why", why.label());
    Some(match session {
        Some(id) => event.session(&id.0),
        None => event,
    })
}

/// One entry for a flood: how many by protocol and reason, and from how many addresses.
fn merged_event(refused: &[SessionEvent], now: Wall) -> Option<Event> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut peers = BTreeSet::new();
    for event in refused {
        if let SessionEvent::Refused { peer, protocol, why, .. } = event {
            *counts.entry(format!("{} {}", protocol.as_str(), why.code())).or_default() += 1;
            peers.insert(peer);
        }
    }
    if counts.is_empty() {
        return None;
    }
    let event = Event::new(Kind::MEDIA_REFUSED, now)
        .decision(Decision::Deny)
        .articles(["J-26", "J-27"])
        .with("addresses", peers.len())
        .with("counts", serde_json::json!(counts));
    Some(event)
}
