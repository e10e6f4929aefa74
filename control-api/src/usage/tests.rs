//! The register through a life, a race and a crash, on a real store and a real ledger.

use std::sync::Arc;
use std::time::Duration;

use media::id::Profile;
use media::mark::SessionMark;
use prometheus::Registry;
use tokio::runtime::Runtime;

use super::*;
use crate::ledger::Kind;
use crate::ledger::search::Standing;
use crate::mint;
use crate::stamp::Stamp;

struct Noon;
impl Clock for Noon {
    fn wall(&self) -> Wall {
        Wall::from_micros(43_200_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Bench {
    dir: tempfile::TempDir,
    runtime: Runtime,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { dir: tempfile::tempdir().unwrap(), runtime }
    }

    fn start(&self) -> (Register, usize) {
        let ledger = Ledger::open(&self.dir.path().join("ledger"), Arc::new(Noon), &Registry::new()).unwrap();
        let store = Store::open(&self.dir.path().join("state")).unwrap();
        Register::start(store, ledger, Arc::new(Noon)).unwrap()
    }
}

fn record(session: &str, user: &str, second: i64) -> UsageRecord {
    UsageRecord {
        session: SessionId(session.into()),
        purpose: "GA-1".into(),
        user: user.into(),
        approver: "b1".into(),
        content: VideoContent { camera: "cam-1".parse().unwrap(), profile: Profile::Main, from: None, to: None },
        opened_at: Stamp(Wall::from_micros(second * 1_000_000)),
        medium: Medium::LiveStream,
        unit: "gonganju".into(),
        reason: "traffic".into(),
        terminal: "10.0.0.7".into(),
        grant: Some("g1".into()),
        export: None,
        mark: None,
        request_id: None,
        started_at: None,
        protocol: None,
        closed_at: None,
        bytes: 0,
        end_reason: None,
    }
}

fn kinds(register: &Register) -> Vec<(Kind, Option<String>)> {
    let entries = register.ledger.read(0, 1_000).unwrap();
    entries.iter().map(|entry| entry.event().unwrap()).map(|event| (event.kind, event.code)).collect()
}

#[test]
fn a_session_opens_starts_and_closes_once_in_store_and_ledger() {
    let bench = Bench::new();
    let (register, crashed) = bench.start();
    assert_eq!(crashed, 0);
    let id = SessionId("s1".into());
    bench.runtime.block_on(async {
        let opened = register.open(record("s1", "u1", 1)).await.unwrap();
        assert_eq!(opened.receipt().index(), 0);
        assert!(matches!(
            register.open(record("s1", "u2", 2)).await,
            Err(UsageError::Commit(CommitError::Conflict { .. }))
        ));
        assert_eq!(register.open_ones().unwrap().len(), 1);
        let at = Wall::from_micros(5_000_000);
        register.started(&id, at, Protocol::Rtsp).await.unwrap();
        let again = register.started(&id, at + Duration::from_secs(9), Protocol::Hls).await.unwrap();
        assert_eq!((again.started_at, again.protocol), (Some(Stamp(at)), Some(Protocol::Rtsp)));
        register.close(&id, at, EndReason::Revoked, 77).await.unwrap();
        let again = register.close(&id, at, EndReason::User, 99).await.unwrap();
        assert_eq!((again.end_reason, again.bytes), (Some(EndReason::Revoked), 77));
        let unknown = register.close(&SessionId("none".into()), at, EndReason::User, 0).await;
        assert!(matches!(unknown, Err(UsageError::Unknown(_))));
    });
    assert!(register.open_ones().unwrap().is_empty());
    let found = register.find(&id).unwrap().unwrap();
    assert_eq!(found.closed_at, Some(Stamp(Wall::from_micros(5_000_000))));
    let expected = [
        (Kind::SESSION_OPENED, None),
        (Kind::SESSION_STARTED, None),
        (Kind::SESSION_CLOSED, Some("revoked".to_owned())),
    ];
    assert_eq!(kinds(&register), expected);
    let closing = register.ledger.read(2, 1).unwrap()[0].event().unwrap();
    let mirrored: UsageRecord = serde_json::from_value(closing.detail["usage"].clone()).unwrap();
    assert_eq!(mirrored, found);
    drop(register);
    assert_eq!(bench.start().1, 0);
}

#[test]
fn what_a_crash_left_open_is_closed_with_crash_at_the_next_start() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    bench.runtime.block_on(async {
        for session in ["s1", "s2", "s3"] {
            register.open(record(session, "u1", 1)).await.unwrap();
        }
        register.close(&SessionId("s2".into()), Wall::EPOCH, EndReason::User, 5).await.unwrap();
    });
    drop(register);
    let (register, crashed) = bench.start();
    assert_eq!(crashed, 2);
    assert!(register.open_ones().unwrap().is_empty());
    for (session, reason) in [("s1", EndReason::Crash), ("s2", EndReason::User), ("s3", EndReason::Crash)] {
        let found = register.find(&SessionId(session.into())).unwrap().unwrap();
        assert_eq!(found.end_reason, Some(reason), "{session}");
        assert!(found.closed_at.is_some());
    }
    let crashes = kinds(&register).into_iter().filter(|(_, code)| code.as_deref() == Some("crash")).count();
    assert_eq!(crashes, 2);
}

#[test]
fn without_a_ledger_nothing_opens_and_a_closing_reaches_it_at_the_next_start() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    bench.runtime.block_on(async {
        register.open(record("s1", "u1", 1)).await.unwrap();
        register.ledger.close();
        assert!(matches!(register.open(record("s2", "u1", 1)).await, Err(UsageError::Ledger(_))));
        assert_eq!(register.find(&SessionId("s2".into())).unwrap(), None, "an unrecorded opening leaves nothing");
        let closed = register.close(&SessionId("s1".into()), Wall::EPOCH, EndReason::Expired, 12).await;
        assert!(matches!(closed, Err(UsageError::Ledger(_))));
    });
    drop(register);
    let (register, crashed) = bench.start();
    assert_eq!(crashed, 0);
    assert_eq!(kinds(&register).last(), Some(&(Kind::SESSION_CLOSED, Some("expired".to_owned()))));
    drop(register);
    assert_eq!(kinds(&bench.start().0).len(), 2, "once is enough");
}

#[test]
fn lists_filter_and_page_in_order() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    bench.runtime.block_on(async {
        for n in 0..9 {
            let user = if n % 3 == 0 { "u0" } else { "u1" };
            register.open(record(&format!("s{n}"), user, n)).await.unwrap();
        }
    });
    let ids = |page: &Page| page.items.iter().map(|record| record.session.0.clone()).collect::<Vec<_>>();
    let page = register.list(&Filter::default(), None, 4).unwrap();
    assert_eq!((ids(&page).join(""), page.next.as_deref()), ("s0s1s2s3".into(), Some("s3")));
    let page = register.list(&Filter::default(), Some("s6"), 4).unwrap();
    assert_eq!((ids(&page).join(""), page.next), ("s7s8".into(), None));
    let by = |filter: Filter| ids(&register.list(&filter, None, 100).unwrap()).join("");
    assert_eq!(by(Filter { user: Some("u0".into()), ..Filter::default() }), "s0s3s6");
    assert_eq!(by(Filter { camera: Some("cam-2".into()), ..Filter::default() }), "");
    let second = |n: i64| Some(Wall::from_micros(n * 1_000_000));
    assert_eq!(by(Filter { from: second(2), to: second(5), ..Filter::default() }), "s2s3s4");
    assert_eq!(by(Filter { unit: Some("other".into()), ..Filter::default() }), "");
    assert_eq!(by(Filter { purpose: Some("GA-1".into()), ..Filter::default() }).len(), 18);
}

#[test]
fn a_stretch_is_read_without_what_lies_before_it_and_after_it() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    let at = |n: i64| Wall::from_micros(1_700_000_000_000_000 + n * 1_000_000);
    let id = |n: i64| mint::sortable_id(at(n)).unwrap();
    // More than one call reads, before the stretch and after it.
    let rows: Vec<_> = (0..12_000).map(|n| UsageRecord { opened_at: Stamp(at(n)), ..record(&id(n), "u", 0) }).collect();
    for some in rows.chunks(2_000) {
        let put = |batch: Batch, row: &UsageRecord| batch.put_json(format!("{RECORDS}{}", row.session.0), row).unwrap();
        register.store.commit(some.iter().fold(Batch::new(), put)).unwrap();
    }
    let filter = Filter { from: Some(at(5_500)), to: Some(at(5_600)), ..Filter::default() };
    let page = register.list(&filter, None, 200).unwrap();
    assert_eq!((page.items.len(), page.next), (100, None), "one call finds all and knows that there are no more");
    assert_eq!(page.items[0].opened_at.0, at(5_500));
    let first = register.list(&filter, None, 30).unwrap();
    let rest = register.list(&filter, first.next.as_deref(), 200).unwrap();
    assert_eq!((first.items.len(), rest.items.len(), rest.next), (30, 70, None));
}

fn marked(n: u8) -> (SessionMark, UsageRecord) {
    let mark = SessionMark([n; 16]);
    let session = format!("s{n}");
    (mark, UsageRecord { mark: Some(mark.to_string()), ..record(&session, &format!("u{n}"), i64::from(n)) })
}

/// The openings of these marks, by session.
fn traced(bench: &Bench, marks: impl IntoIterator<Item = u8>) -> (Vec<(String, Standing)>, usize) {
    let marks = marks.into_iter().map(|n| SessionMark([n; 16])).collect();
    let openings = openings(&bench.dir.path().join("ledger"), &marks, &mut |done, of| assert!(done <= of));
    let found = openings.found.values().map(|opening| (opening.record.session.0.clone(), opening.standing));
    (found.collect(), openings.searched.findings.len())
}

#[test]
fn an_opening_is_found_by_its_mark_while_the_ledger_is_written_and_after() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    for n in 1..=200 {
        let (_, record) = marked(n);
        let (id, at) = (record.session.clone(), Wall::from_micros(9_000_000));
        bench.runtime.block_on(async {
            register.open(record).await.unwrap();
            // The closing has the mark too, and is not what is looked for.
            register.close(&id, at, EndReason::User, 1).await.unwrap();
        });
        if n % 50 == 1 {
            let (found, findings) = traced(&bench, [n, 1, 255]);
            let sessions: Vec<&str> = found.iter().map(|(session, _)| session.as_str()).collect();
            let both = [String::from("s1"), format!("s{n}")];
            assert_eq!((sessions, findings), (both.iter().map(String::as_str).take(found.len()).collect(), 0), "{n}");
            assert!(found.iter().all(|(_, standing)| *standing != Standing::Unproven));
        }
    }
    drop(register);
    let (found, findings) = traced(&bench, 1..=200);
    assert_eq!((found.len(), findings), (200, 0));
    assert!(found.iter().all(|(_, standing)| *standing == Standing::Signed));
    let (mark, record) = marked(77);
    let opening = openings(&bench.dir.path().join("ledger"), &[mark].into(), &mut |_, _| {}).found.remove(&mark);
    let opening = opening.unwrap();
    assert_eq!((opening.record, opening.entry), (record, 152));
    assert_eq!(traced(&bench, []).0, []);
}

#[test]
fn an_opening_that_was_planted_does_not_stand_and_gives_way_to_the_true_one() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    bench.runtime.block_on(register.open(marked(1).1)).unwrap();
    drop(register);
    let bundle = bench.dir.path().join("ledger/tile/entries/000.p/1");
    let true_one = std::fs::read(&bundle).unwrap();
    let planted = String::from_utf8_lossy(&true_one).replace("\"u1\"", "\"u9\"");
    std::fs::write(&bundle, &planted).unwrap();
    let users = |bench: &Bench| -> Vec<(String, Standing)> {
        let found = openings(&bench.dir.path().join("ledger"), &[SessionMark([1; 16])].into(), &mut |_, _| {}).found;
        found.into_values().map(|opening| (opening.record.user, opening.standing)).collect()
    };
    assert_eq!(users(&bench), [("u1".into(), Standing::Signed)], "the journal has it too");
    for entry in std::fs::read_dir(bench.dir.path().join("ledger/journal")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(users(&bench), [("u9".into(), Standing::Unproven)]);
    std::fs::write(&bundle, &true_one).unwrap();
    assert_eq!(users(&bench), [("u1".into(), Standing::Signed)]);
}

#[test]
fn what_somebody_typed_is_no_mark() {
    let bench = Bench::new();
    let (register, _) = bench.start();
    let (mark, _) = marked(1);
    let reason = format!("see {{\"mark\":\"{mark}\"}}");
    bench.runtime.block_on(register.open(UsageRecord { reason, ..marked(2).1 })).unwrap();
    drop(register);
    assert_eq!(traced(&bench, [1]).0, []);
    assert_eq!(traced(&bench, [2]).0.len(), 1);
}
