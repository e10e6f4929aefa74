//! One lease's row and the maps that find it: pure bookkeeping, under the table's lock.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use media::wall::Wall;

use super::{EndReason, Lease, Line, Meter, Priority, Protocol, Refused, SessionId, Snapshot, TokenHash};

/// Sessions remembered after their end, so that a late request hears why. At 100 bytes each this is 1 MB.
const ENDED_REMEMBERED_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Table {
    pub(super) entries: HashMap<SessionId, Entry>,
    pub(super) tokens: HashMap<TokenHash, SessionId>,
    pub(super) due: BTreeSet<(Duration, SessionId)>,
    /// Sessions that are not ending, and what they take of the network together.
    pub(super) open: usize,
    pub(super) open_bits: u64,
    ended: HashMap<TokenHash, Ended>,
    ended_order: VecDeque<TokenHash>,
}

struct Ended {
    session: SessionId,
    terminal: IpAddr,
    reason: EndReason,
}

pub(super) struct Entry {
    pub(super) lease: Lease,
    pub(super) meter: Arc<Meter>,
    pub(super) lines: Vec<Arc<Line>>,
    pub(super) started: Option<(Wall, Protocol)>,
    /// Since when it has no connection, after it had one, and how the last one left.
    pub(super) alone: Option<(Duration, EndReason)>,
    /// Told to stop, for this reason, by then.
    pub(super) ending: Option<(EndReason, Duration)>,
    due: Duration,
}

/// What a due entry needs.
pub(super) enum Due {
    End(EndReason),
    Close(EndReason),
}

impl Entry {
    fn due_at(&self, idle_timeout: Duration) -> Duration {
        if let Some((_, by)) = self.ending {
            return by;
        }
        let first_byte = if self.started.is_none() { self.lease.first_byte_by } else { Duration::MAX };
        let idle = self.alone.map_or(Duration::MAX, |(since, _)| since.saturating_add(idle_timeout));
        self.lease.expires_at.min(first_byte).min(idle)
    }

    pub(super) fn what_is_due(&self, now: Duration) -> Due {
        match (self.ending, self.alone) {
            (Some((reason, _)), _) => Due::Close(reason),
            _ if self.lease.expires_at <= now => Due::End(EndReason::Expired),
            _ if self.started.is_none() && self.lease.first_byte_by <= now => Due::End(EndReason::Idle),
            (None, Some((_, how))) => Due::End(how),
            (None, None) => Due::End(EndReason::Idle),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            session: self.lease.session.clone(),
            content: self.lease.content.clone(),
            terminal: self.lease.terminal,
            protocol: self.started.map(|(_, protocol)| protocol),
            started_at: self.started.map(|(at, _)| at),
            last_byte_at: self.meter.last_byte_at(),
            bytes: self.meter.bytes(),
            connections: self.lines.len(),
            expires_at: self.lease.expires_at,
        }
    }
}

impl Table {
    pub(super) fn insert(&mut self, lease: Lease) {
        let session = lease.session.clone();
        let due = lease.expires_at.min(lease.first_byte_by);
        self.open += 1;
        self.open_bits = self.open_bits.saturating_add(lease.expected_bits);
        self.tokens.insert(lease.token, session.clone());
        self.due.insert((due, session.clone()));
        let entry =
            Entry { lease, meter: Arc::default(), lines: Vec::new(), started: None, alone: None, ending: None, due };
        self.entries.insert(session, entry);
    }

    pub(super) fn reschedule(&mut self, session: &SessionId, idle_timeout: Duration) {
        let Some(entry) = self.entries.get_mut(session) else { return };
        let due = entry.due_at(idle_timeout);
        if due != entry.due {
            self.due.remove(&(entry.due, session.clone()));
            self.due.insert((due, session.clone()));
            entry.due = due;
        }
    }

    /// It is ending: what it takes is free for others.
    pub(super) fn begin_end(&mut self, session: &SessionId, reason: EndReason, by: Duration) {
        let Some(entry) = self.entries.get_mut(session).filter(|e| e.ending.is_none()) else { return };
        entry.ending = Some((reason, by));
        self.open -= 1;
        self.open_bits = self.open_bits.saturating_sub(entry.lease.expected_bits);
    }

    /// Whose place another one of this priority may have: the lowest, and of those the youngest.
    pub(super) fn to_preempt(&self, by: Priority) -> Option<SessionId> {
        let lower = self.entries.values().filter(|e| e.ending.is_none() && e.lease.priority < by);
        // Ids sort by time.
        let first =
            lower.min_by(|a, b| a.lease.priority.cmp(&b.lease.priority).then(b.lease.session.cmp(&a.lease.session)));
        first.map(|entry| entry.lease.session.clone())
    }

    pub(super) fn remove(&mut self, session: &SessionId, reason: EndReason) -> Option<Entry> {
        self.begin_end(session, reason, Duration::ZERO);
        let entry = self.entries.remove(session)?;
        self.due.remove(&(entry.due, session.clone()));
        self.tokens.remove(&entry.lease.token);
        if self.ended_order.len() >= ENDED_REMEMBERED_MAX
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
        self.ended_order.push_back(entry.lease.token);
        self.ended
            .insert(entry.lease.token, Ended { session: session.clone(), terminal: entry.lease.terminal, reason });
        Some(entry)
    }

    /// The terminal comes first: a stranger with a found token hears nothing else.
    pub(super) fn find(
        &self,
        token: TokenHash,
        peer: IpAddr,
        protocol: Protocol,
        now: Duration,
    ) -> (Option<SessionId>, Result<(), Refused>) {
        let Some(entry) = self.tokens.get(&token).and_then(|session| self.entries.get(session)) else {
            return match self.ended.get(&token) {
                Some(ended) if ended.terminal != peer => (Some(ended.session.clone()), Err(Refused::WrongTerminal)),
                Some(ended) => (Some(ended.session.clone()), Err(Refused::over(ended.reason))),
                None => (None, Err(Refused::Unknown)),
            };
        };
        let found = if entry.lease.terminal != peer {
            Err(Refused::WrongTerminal)
        } else if let Some((reason, _)) = entry.ending {
            Err(Refused::over(reason))
        } else if entry.lease.expires_at <= now {
            Err(Refused::Expired)
        } else if entry.started.is_none() && entry.lease.first_byte_by <= now {
            Err(Refused::Ended(EndReason::Idle))
        } else if !entry.lease.protocols.contains(&protocol) {
            Err(Refused::WrongProtocol)
        } else {
            Ok(())
        };
        (Some(entry.lease.session.clone()), found)
    }
}

impl Refused {
    fn over(reason: EndReason) -> Self {
        if reason == EndReason::Expired { Self::Expired } else { Self::Ended(reason) }
    }
}
