//! The table of leases: what the control API granted, which connections run under each, and when each is over. One lock,
//! held for map operations only; the sending path does not take it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use media::mark::SessionMark;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::{IntCounterVec, Opts};
use tokio::sync::Notify;

use super::entry::{Due, Entry, Table};
use super::events::Events;
use super::{
    Content, EndReason, EventReceiver, Lease, Line, Meter, Protocol, Refused, SessionEvent, SessionId, Tally,
    TokenHash, Totals,
};
use crate::config::Config;

/// How long a connection that was told to stop may take until its session is closed without it. A task that is polled
/// at all stops within a tick; this only keeps a lost one from holding back the record.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The timer looks at least this often, so that it follows a clock that is not tokio's.
const SWEEP_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Why a lease could not be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotGrant {
    /// As many leases as the configuration allows.
    #[error("{leases_max} sessions are open already: end some or raise leases_max")]
    Full {
        /// The bound.
        leases_max: usize,
    },
    /// Another session would take more of the network than there is.
    #[error("sessions may take {egress_bits_max} bits per second together: end some or raise egress_max")]
    Egress {
        /// The bound.
        egress_bits_max: u64,
    },
    /// The ledger does not keep up with what sessions do.
    #[error("{unread} session events wait to be recorded: the ledger does not keep up")]
    Unrecorded {
        /// Events nobody has read yet.
        unread: usize,
    },
    /// A lease of that session or with that token is there already.
    #[error("the session or its token is in the table already")]
    Duplicate,
}

/// A session at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whose.
    pub session: SessionId,
    /// What is watched.
    pub content: Content,
    /// The terminal it is watched from.
    pub terminal: IpAddr,
    /// By which protocol, once it has started.
    pub protocol: Option<Protocol>,
    /// When the first media byte left.
    pub started_at: Option<Wall>,
    /// When the newest media byte left.
    pub last_byte_at: Option<Wall>,
    /// Media bytes handed to the kernel, over all connections.
    pub bytes: u64,
    /// Connections at this moment.
    pub connections: usize,
    /// When the lease is over, on the clock's monotonic line.
    pub expires_at: Duration,
}

/// The leases of this relay.
pub struct Leases {
    pub(crate) clock: Arc<dyn Clock>,
    leases_max: usize,
    egress_bits_max: Option<u64>,
    idle_timeout: Duration,
    table: Mutex<Table>,
    /// The next moment something is due may have moved closer.
    sooner: Notify,
    events: Events,
    pub(crate) tally: Tally,
    /// Media bytes that were handed on, by protocol.
    pub(crate) handed_on: IntCounterVec,
}

/// The counter that all protocols share; it is registered with the other metrics of egress.
fn handed_on() -> IntCounterVec {
    let about = Opts::new("sluice_egress_bytes_total", "Media bytes handed to the kernel.");
    IntCounterVec::new(about, &["protocol"]).expect("a name and a label that Prometheus takes")
}

/// A connection's place in the table.
pub(crate) struct Attached {
    pub(crate) session: SessionId,
    pub(crate) content: Content,
    pub(crate) mark: SessionMark,
    pub(crate) merge_latency: Duration,
    pub(crate) line: Arc<Line>,
    pub(crate) meter: Arc<Meter>,
}

impl Leases {
    /// An empty table, and the one place where its events come out. `run` must be driven for leases to end in time.
    pub fn new(clock: Arc<dyn Clock>, config: &Config) -> (Arc<Self>, EventReceiver) {
        let (events, receiver) = Events::new(config.refusals_queued_max);
        let leases = Self {
            clock,
            leases_max: config.leases_max,
            egress_bits_max: config.egress_bits_max,
            idle_timeout: config.idle_timeout,
            table: Mutex::default(),
            sooner: Notify::new(),
            events,
            tally: Tally::default(),
            handed_on: handed_on(),
        };
        (Arc::new(leases), receiver)
    }

    /// Takes a lease in. Its session must be on record already. Where there is no room, one of a higher priority gets that
    /// of others: they end as preempted, the lowest and youngest first, and no more of them than need be.
    pub fn grant(&self, lease: Lease) -> Result<(), CannotGrant> {
        let unread = self.events.backlog();
        // Two events a session: more unread than that means that nobody reads.
        if unread > 2 * self.leases_max {
            return Err(CannotGrant::Unrecorded { unread });
        }
        let mut table = self.table.lock();
        if table.entries.contains_key(&lease.session) || table.tokens.contains_key(&lease.token) {
            return Err(CannotGrant::Duplicate);
        }
        while let Err(full) = self.has_room(&table, lease.expected_bits) {
            let preempted = table.to_preempt(lease.priority).ok_or(full)?;
            self.end_in(&mut table, &preempted, EndReason::Preempted);
        }
        table.insert(lease);
        drop(table);
        self.sooner.notify_one();
        Ok(())
    }

    /// Whether a session that takes so much would find room without ending another.
    pub fn room_for(&self, bits: u64) -> Result<(), CannotGrant> {
        self.has_room(&self.table.lock(), bits)
    }

    fn has_room(&self, table: &Table, bits: u64) -> Result<(), CannotGrant> {
        if table.open >= self.leases_max {
            return Err(CannotGrant::Full { leases_max: self.leases_max });
        }
        match self.egress_bits_max {
            Some(max) if table.open_bits.saturating_add(bits) > max => {
                Err(CannotGrant::Egress { egress_bits_max: max })
            }
            _ => Ok(()),
        }
    }

    /// Moves a lease's end. False where there is no such lease, or it is ending.
    pub fn renew(&self, session: &SessionId, expires_at: Duration) -> bool {
        let mut table = self.table.lock();
        let Some(entry) = table.entries.get_mut(session).filter(|e| e.ending.is_none()) else { return false };
        entry.lease.expires_at = expires_at;
        table.reschedule(session, self.idle_timeout);
        drop(table);
        self.sooner.notify_one();
        true
    }

    /// Ends a session and every connection under it. No send begins after this returns. False where there is no such
    /// session, or it is ending already. `Closed` follows once its connections have stopped.
    pub fn end(&self, session: &SessionId, reason: EndReason) -> bool {
        let mut table = self.table.lock();
        let ended = self.end_in(&mut table, session, reason);
        drop(table);
        self.sooner.notify_one();
        ended
    }

    /// Ends all sessions whose lease fits. Gives how many.
    pub fn end_where(&self, fits: impl Fn(&Lease) -> bool, reason: EndReason) -> usize {
        let mut table = self.table.lock();
        let sessions: Vec<_> =
            table.entries.values().filter(|e| fits(&e.lease)).map(|e| e.lease.session.clone()).collect();
        let count = sessions.iter().filter(|session| self.end_in(&mut table, session, reason)).count();
        drop(table);
        self.sooner.notify_one();
        count
    }

    /// All sessions, in the order of their ids.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let mut all: Vec<_> = self.table.lock().entries.values().map(Entry::snapshot).collect();
        all.sort_by(|a, b| a.session.cmp(&b.session));
        all
    }

    /// One session, if it is open.
    pub fn snapshot(&self, session: &SessionId) -> Option<Snapshot> {
        self.table.lock().entries.get(session).map(Entry::snapshot)
    }

    /// What was sent in all, against what the sessions have counted for themselves.
    pub fn totals(&self) -> Totals {
        // First, so that everything in it is in a meter by the time those are read.
        let sent = self.tally.sent();
        let table = self.table.lock();
        let open = table.entries.values().map(|entry| entry.meter.bytes()).sum();
        Totals { sent, open, closed: self.tally.closed() }
    }

    /// Sessions that have started and are open, by protocol.
    pub fn running(&self) -> [(Protocol, usize); Protocol::ALL.len()] {
        let table = self.table.lock();
        Protocol::ALL.map(|protocol| {
            let runs = |e: &&Entry| e.started.is_some_and(|(_, p)| p == protocol);
            (protocol, table.entries.values().filter(runs).count())
        })
    }

    /// What the open sessions are expected to take of the network together, in bits per second.
    pub fn expected_bits(&self) -> u64 {
        self.table.lock().open_bits
    }

    /// Refusals that nobody heard of because the queue was full.
    pub fn refusals_dropped(&self) -> u64 {
        self.events.refusals_dropped()
    }

    /// Ends what is due. Gives the time until the next one is, if any.
    pub fn sweep(&self) -> Option<Duration> {
        let now = self.clock.monotonic();
        let mut table = self.table.lock();
        while let Some((due, session)) = table.due.first().cloned() {
            if due > now {
                return Some(due - now);
            }
            match table.entries.get(&session).map(|e| e.what_is_due(now)) {
                Some(Due::Close(reason)) => self.close_in(&mut table, &session, reason),
                Some(Due::End(reason)) => drop(self.end_in(&mut table, &session, reason)),
                None => drop(table.due.pop_first()),
            }
        }
        None
    }

    /// Ends leases when they are due, for as long as it is polled.
    pub async fn run(&self) {
        loop {
            let wait = self.sweep().unwrap_or(SWEEP_INTERVAL_MAX).min(SWEEP_INTERVAL_MAX);
            // Out of time or out of sleep: either way the next sweep looks.
            let _ = tokio::time::timeout(wait, self.sooner.notified()).await;
        }
    }

    pub(crate) fn attach(&self, token: TokenHash, peer: IpAddr, protocol: Protocol) -> Result<Attached, Refused> {
        let now = self.clock.monotonic();
        let mut table = self.table.lock();
        let (session, found) = table.find(token, peer, protocol, now);
        if let Err(why) = found {
            drop(table);
            self.refuse(peer, protocol, session, why);
            return Err(why);
        }
        let session = session.expect("found means that the table has its session");
        let entry = table.entries.get_mut(&session).expect("found means that the entry is there");
        let line = Arc::new(Line::new(protocol));
        entry.lines.push(Arc::clone(&line));
        entry.alone = None;
        let (content, meter) = (entry.lease.content.clone(), Arc::clone(&entry.meter));
        let (mark, merge_latency) = (entry.lease.mark, entry.lease.merge_latency);
        table.reschedule(&session, self.idle_timeout);
        Ok(Attached { session, content, mark, merge_latency, line, meter })
    }

    /// A refusal that never reached the table: the text is no token.
    pub(crate) fn refuse(&self, peer: IpAddr, protocol: Protocol, session: Option<SessionId>, why: Refused) {
        self.events.push(SessionEvent::Refused { at: self.clock.wall(), peer, protocol, session, why });
    }

    /// The connection has sent its first media byte: the session has started, and of the protocols that play on one
    /// connection an older one is over.
    pub(crate) fn started(&self, session: &SessionId, line: &Arc<Line>) {
        let at = self.clock.wall();
        let mut table = self.table.lock();
        let Some(entry) = table.entries.get_mut(session) else { return };
        let protocol = line.protocol;
        if protocol.is_one_connection() {
            let older = |l: &&Arc<Line>| l.protocol == protocol && l.is_playing() && !Arc::ptr_eq(l, line);
            entry.lines.iter().filter(older).for_each(|l| l.end(EndReason::User));
        }
        if entry.started.is_none() {
            entry.started = Some((at, protocol));
            self.events.push(SessionEvent::Started { session: session.clone(), at, protocol });
            table.reschedule(session, self.idle_timeout);
        }
    }

    pub(crate) fn detach(&self, session: &SessionId, line: &Arc<Line>, how: EndReason) {
        let now = self.clock.monotonic();
        let mut table = self.table.lock();
        let Some(entry) = table.entries.get_mut(session) else { return };
        entry.lines.retain(|l| !Arc::ptr_eq(l, line));
        if !entry.lines.is_empty() {
            return;
        }
        entry.alone = Some((now, how));
        match entry.ending {
            Some((reason, _)) => self.close_in(&mut table, session, reason),
            None => table.reschedule(session, self.idle_timeout),
        }
        drop(table);
        self.sooner.notify_one();
    }

    fn end_in(&self, table: &mut Table, session: &SessionId, reason: EndReason) -> bool {
        let Some(entry) = table.entries.get_mut(session).filter(|e| e.ending.is_none()) else { return false };
        if entry.lines.is_empty() {
            self.close_in(table, session, reason);
            return true;
        }
        entry.lines.iter().for_each(|line| line.end(reason));
        table.begin_end(session, reason, self.clock.monotonic() + STOP_GRACE);
        table.reschedule(session, self.idle_timeout);
        true
    }

    fn close_in(&self, table: &mut Table, session: &SessionId, reason: EndReason) {
        let Some(entry) = table.remove(session, reason) else { return };
        let (at, bytes) = (self.clock.wall(), entry.meter.bytes());
        self.tally.close(bytes);
        self.events.push(SessionEvent::Closed { session: session.clone(), at, reason, bytes });
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.events.close();
    }
}
