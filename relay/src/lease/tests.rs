//! The table through its own face, with a clock that stands still until it is moved.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use media::id::{Profile, StreamKey};
use media::wall::{Clock, Wall};
use parking_lot::Mutex;

use super::*;
use crate::admission::Admitted;
use crate::config::Config;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const TOKEN: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

struct Moved(Mutex<Duration>);

impl Clock for Moved {
    fn wall(&self) -> Wall {
        Wall::EPOCH + Duration::from_secs(1_000) + *self.0.lock()
    }
    fn monotonic(&self) -> Duration {
        *self.0.lock()
    }
}

struct Desk {
    clock: Arc<Moved>,
    leases: Arc<Leases>,
    events: EventReceiver,
}

impl Desk {
    fn new(config: &Config) -> Self {
        let clock = Arc::new(Moved(Mutex::new(Duration::from_secs(10))));
        let (leases, events) = Leases::new(Arc::clone(&clock) as Arc<dyn Clock>, config);
        Self { clock, leases, events }
    }

    /// A lease of 100 s under `TOKEN`, with 20 s to the first byte.
    fn granted() -> (Self, SessionId) {
        let desk = Self::new(&Config::default());
        let session = desk.grant("one", 7).unwrap();
        (desk, session)
    }

    fn grant(&self, session: &str, token: u8) -> Result<SessionId, CannotGrant> {
        let lease = self.lease(session, token);
        let session = lease.session.clone();
        self.leases.grant(lease)?;
        Ok(session)
    }

    fn lease(&self, session: &str, token: u8) -> Lease {
        let now = self.clock.monotonic();
        Lease {
            session: SessionId(session.to_owned()),
            token: TokenHash::of(&[token; TOKEN_BYTES]),
            content: Content::Live(StreamKey { camera: "cam".parse().unwrap(), profile: Profile::Main }),
            terminal: HERE,
            protocols: vec![Protocol::Rtsp, Protocol::Hls],
            mark: SessionMark([token; 16]),
            merge_latency: Duration::ZERO,
            priority: Priority::Ordinary,
            expected_bits: 4_000_000,
            first_byte_by: now + Duration::from_secs(20),
            expires_at: now + Duration::from_secs(100),
        }
    }

    fn admit(&self, protocol: Protocol) -> Result<Admitted, Refused> {
        self.leases.admit(TOKEN, HERE, protocol)
    }

    fn pass(&self, seconds: u64) -> Option<Duration> {
        *self.clock.0.lock() += Duration::from_secs(seconds);
        self.leases.sweep()
    }

    fn closed(&mut self) -> Option<(EndReason, u64)> {
        while let Some(event) = self.events.try_recv() {
            if let SessionEvent::Closed { reason, bytes, .. } = event {
                return Some((reason, bytes));
            }
        }
        None
    }
}

#[test]
fn without_a_first_byte_in_time_the_lease_is_idle_and_with_one_it_is_not() {
    let (mut desk, _) = Desk::granted();
    let open = desk.admit(Protocol::Rtsp).unwrap();
    assert_eq!(desk.pass(19), Some(Duration::from_secs(1)));
    assert!(!open.has_ended());
    desk.pass(1);
    assert_eq!(open.end_reason(), Some(EndReason::Idle));
    assert_eq!(desk.closed(), None);
    drop(open);
    assert_eq!(desk.closed(), Some((EndReason::Idle, 0)));

    let (mut desk, _) = Desk::granted();
    let open = desk.admit(Protocol::Rtsp).unwrap();
    open.sent(10);
    desk.pass(50);
    assert!(!open.has_ended() && desk.closed().is_none());
}

#[test]
fn a_lease_ends_when_it_expires_unless_it_was_renewed() {
    let (mut desk, session) = Desk::granted();
    let open = desk.admit(Protocol::Rtsp).unwrap();
    open.sent(10);
    assert!(desk.leases.renew(&session, Duration::from_secs(200)));
    desk.pass(189);
    assert!(!open.has_ended());
    desk.pass(1);
    assert_eq!(open.end_reason(), Some(EndReason::Expired));
    assert_eq!(desk.admit(Protocol::Rtsp).err(), Some(Refused::Expired));
    assert!(!desk.leases.renew(&session, Duration::from_secs(900)));
    open.sent(5);
    drop(open);
    assert_eq!(desk.closed(), Some((EndReason::Expired, 15)));
    assert_eq!(desk.admit(Protocol::Rtsp).err(), Some(Refused::Expired));
}

#[test]
fn expiry_refuses_even_before_the_timer_has_looked() {
    let (desk, _) = Desk::granted();
    *desk.clock.0.lock() += Duration::from_secs(20);
    assert_eq!(desk.admit(Protocol::Rtsp).err(), Some(Refused::Ended(EndReason::Idle)));
    *desk.clock.0.lock() += Duration::from_secs(80);
    assert_eq!(desk.admit(Protocol::Rtsp).err(), Some(Refused::Expired));
}

#[test]
fn what_goes_over_http_counts_for_its_protocol_and_its_session() {
    let (mut desk, _) = Desk::granted();
    let registry = prometheus::Registry::new();
    crate::metrics::EgressMetrics::register(&registry, &desk.leases).unwrap();
    let open = desk.admit(Protocol::Hls).unwrap();
    open.handed_on(700);
    open.handed_on(300);
    drop(open);
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == "sluice_egress_bytes_total").unwrap();
    let of = |protocol: &str| {
        let series = family.get_metric().iter().find(|m| m.get_label().iter().any(|label| label.value() == protocol));
        series.map(|series| series.get_counter().get_value())
    };
    assert_eq!((of("hls"), of("rtsp")), (Some(1_000.0), Some(0.0)));
    desk.pass(60);
    assert_eq!(desk.closed(), Some((EndReason::Idle, 1_000)));
}

#[test]
fn how_the_last_connection_left_is_why_an_idle_session_closes() {
    for (how, reason) in [
        (Some(EndReason::User), EndReason::User),
        (Some(EndReason::Network), EndReason::Network),
        (None, EndReason::Network),
    ] {
        let (mut desk, _) = Desk::granted();
        let first = desk.admit(Protocol::Rtsp).unwrap();
        first.sent(1);
        match how {
            Some(how) => first.leave(how),
            None => drop(first),
        }
        desk.pass(29);
        let second = desk.admit(Protocol::Rtsp).unwrap();
        desk.pass(40);
        assert_eq!(desk.closed(), None, "a connection is open");
        second.leave(how.unwrap_or(EndReason::Network));
        desk.pass(29);
        assert_eq!(desk.closed(), None);
        desk.pass(1);
        assert_eq!(desk.closed(), Some((reason, 1)));
    }
    let (mut desk, _) = Desk::granted();
    let request = desk.admit(Protocol::Hls).unwrap();
    request.sent(1);
    drop(request);
    desk.pass(30);
    assert_eq!(desk.closed(), Some((EndReason::Idle, 1)));
}

#[test]
fn an_end_reaches_every_connection_and_closes_with_the_last() {
    let (mut desk, session) = Desk::granted();
    let connections: Vec<_> = (0..3).map(|_| desk.admit(Protocol::Hls).unwrap()).collect();
    connections.iter().for_each(|c| c.sent(100));
    assert_eq!(desk.leases.snapshot(&session).unwrap().connections, 3);
    assert!(desk.leases.end(&session, EndReason::Revoked));
    assert!(!desk.leases.end(&session, EndReason::User), "the first reason stays");
    assert!(connections.iter().all(|c| c.end_reason() == Some(EndReason::Revoked)));
    assert_eq!(desk.admit(Protocol::Hls).err(), Some(Refused::Ended(EndReason::Revoked)));
    assert_eq!(desk.closed(), None);
    drop(connections);
    assert_eq!(desk.closed(), Some((EndReason::Revoked, 300)));
    assert!(desk.leases.snapshots().is_empty());
}

#[test]
fn a_connection_that_never_stops_does_not_hold_back_the_record() {
    let (mut desk, session) = Desk::granted();
    let lost = desk.admit(Protocol::Rtsp).unwrap();
    desk.leases.end(&session, EndReason::Suspended);
    desk.pass(4);
    assert_eq!(desk.closed(), None);
    desk.pass(1);
    assert_eq!(desk.closed(), Some((EndReason::Suspended, 0)));
    drop(lost);
    assert_eq!(desk.closed(), None);
}

#[test]
fn the_newest_player_is_the_one_that_plays() {
    let (mut desk, _) = Desk::granted();
    let older = desk.admit(Protocol::Rtsp).unwrap();
    older.sent(1);
    let newer = desk.admit(Protocol::Rtsp).unwrap();
    assert!(!older.has_ended(), "asking alone takes nothing over");
    let hls = desk.admit(Protocol::Hls).unwrap();
    hls.sent(1);
    newer.sent(1);
    assert_eq!(older.end_reason(), Some(EndReason::User));
    assert!(!newer.has_ended() && !hls.has_ended());
    drop(older);
    let started: Vec<_> = std::iter::from_fn(|| desk.events.try_recv()).collect();
    assert_eq!(started.len(), 1, "{started:?}");
}

#[test]
fn only_the_terminal_hears_more_than_unknown() {
    let (mut desk, session) = Desk::granted();
    let elsewhere = IpAddr::from([10, 1, 1, 1]);
    assert_eq!(desk.leases.admit(TOKEN, elsewhere, Protocol::Whep).err(), Some(Refused::WrongTerminal));
    assert_eq!(desk.admit(Protocol::Whep).err(), Some(Refused::WrongProtocol));
    assert_eq!(Refused::WrongProtocol.status(), Refused::Unknown.status());
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    assert!(desk.leases.admit(TOKEN, mapped, Protocol::Rtsp).is_ok());
    for no_token in ["", "x", &TOKEN[1..], &format!("{TOKEN}="), &TOKEN.replace('c', "+")] {
        assert_eq!(desk.leases.admit(no_token, HERE, Protocol::Rtsp).err(), Some(Refused::Unknown), "{no_token}");
    }
    let Some(SessionEvent::Refused { peer, session: whose, why: Refused::WrongTerminal, .. }) = desk.events.try_recv()
    else {
        panic!("the refusal is told")
    };
    assert_eq!((peer, whose), (elsewhere, Some(session.clone())));
    desk.leases.end(&session, EndReason::Revoked);
    assert_eq!(desk.leases.admit(TOKEN, elsewhere, Protocol::Rtsp).err(), Some(Refused::WrongTerminal));
}

#[test]
fn the_table_and_the_queue_of_refusals_are_bounded() {
    let mut desk = Desk::new(&Config { leases_max: 2, refusals_queued_max: 3, ..Config::default() });
    desk.grant("a", 1).unwrap();
    assert_eq!(desk.grant("a", 2), Err(CannotGrant::Duplicate));
    assert_eq!(desk.grant("b", 1), Err(CannotGrant::Duplicate));
    desk.grant("b", 2).unwrap();
    assert_eq!(desk.grant("c", 3), Err(CannotGrant::Full { leases_max: 2 }));
    for _ in 0..10 {
        assert!(desk.leases.admit("nonsense", HERE, Protocol::Rtsp).is_err());
    }
    assert_eq!(desk.leases.refusals_dropped(), 7);
    assert_eq!(std::iter::from_fn(|| desk.events.try_recv()).count(), 3);

    // Nobody reads what happens to sessions: no more of them.
    let mut refused = None;
    for n in 0..20 {
        desk.leases.end_where(|_| true, EndReason::User);
        refused = refused.or(desk.grant(&format!("n{n}"), 100 + n).err());
    }
    assert!(matches!(refused, Some(CannotGrant::Unrecorded { unread: 5.. })), "{refused:?}");
    assert!(desk.closed().is_some());
}

#[test]
fn an_emergency_takes_the_place_of_the_youngest_ordinary_session() {
    let mut desk = Desk::new(&Config { egress_bits_max: Some(10_000_000), ..Config::default() });
    let (older, younger) = (desk.grant("01-older", 1).unwrap(), desk.grant("02-younger", 2).unwrap());
    assert_eq!(desk.leases.room_for(2_000_000), Ok(()));
    let full = CannotGrant::Egress { egress_bits_max: 10_000_000 };
    assert_eq!(desk.grant("03-ordinary", 3), Err(full));
    let emergency = |session: &str, token| Lease { priority: Priority::Emergency, ..desk.lease(session, token) };
    assert_eq!(desk.leases.grant(emergency("04-emergency", 4)), Ok(()));
    assert!(desk.leases.snapshot(&younger).is_none() && desk.leases.snapshot(&older).is_some());
    assert_eq!(Refused::Ended(EndReason::Preempted).code(), "PREEMPTED_BY_EMERGENCY");
    assert_eq!(desk.leases.grant(emergency("05-emergency", 5)), Ok(()));
    assert_eq!(desk.leases.grant(emergency("06-emergency", 6)), Err(full), "none of its own kind makes way");
    for _ in 0..2 {
        assert_eq!(desk.closed(), Some((EndReason::Preempted, 0)));
    }
    assert_eq!(desk.closed(), None);
}

#[tokio::test]
async fn an_end_wakes_who_waits_for_it_and_the_last_event_ends_the_queue() {
    let (mut desk, session) = Desk::granted();
    let open = desk.admit(Protocol::Rtsp).unwrap();
    let leases = Arc::clone(&desk.leases);
    let ender = tokio::spawn(async move { leases.end(&session, EndReason::Revoked) });
    assert_eq!(open.ended().await, EndReason::Revoked);
    assert!(ender.await.unwrap());
    drop(open);
    assert!(matches!(desk.events.recv().await, Some(SessionEvent::Closed { .. })));
    drop(desk.leases);
    assert_eq!(desk.events.recv().await, None);
}
