//! The ledger's disk fails at each of its operations in turn, through the whole API: no URL without its entry, AUDIT_UNAVAILABLE
//! from then on, and a clean start over what the disk was left with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use prometheus::Registry;
use relay::lease::SessionId;

use crate::ledger::faults::{Fault, Faults, open_with};
use crate::ledger::verify::{Options, verify};
use crate::ledger::{Kind, Ledger};
use crate::scene::{Scene, live, terms};

/// More operations than one run of a scene does: the last ones strike nothing.
const OPERATIONS: usize = 18;
/// Sessions asked for in one run.
const ASKED: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);

/// What was answered with a URL.
async fn ask_until_it_fails(scene: &Scene, faults: &Faults, what: &str) -> Vec<String> {
    let mut issued = Vec::new();
    let mut failed = false;
    for _ in 0..ASKED {
        let answer = scene.post("li", "/api/v1/sessions", live("cam-1")).await;
        if answer.status == StatusCode::CREATED {
            assert!(!failed, "{what}: a URL after a refusal for want of a record");
            issued.push(answer.body["id"].as_str().unwrap().to_owned());
        } else {
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::SERVICE_UNAVAILABLE, "AUDIT_UNAVAILABLE"),
                "{what}"
            );
            assert!(!answer.text.contains("/s/"), "{what}: {}", answer.text);
            failed = true;
        }
        // The publisher's operations too.
        published_or_poisoned(&scene.deps.ledger).await;
    }
    if faults.struck().is_some() {
        assert!(scene.deps.ledger.status().poisoned.is_some(), "{what}: a fault that poisons nothing");
        let after = scene.post("li", "/api/v1/sessions", live("cam-1")).await;
        assert_eq!(after.code(), "AUDIT_UNAVAILABLE", "{what}");
        let changed = scene.post("keeper", "/api/v1/cameras", crate::scene::camera("cam-9")).await;
        assert_eq!(changed.code(), "AUDIT_UNAVAILABLE", "{what}: nothing else is changed either");
    }
    issued
}

async fn published_or_poisoned(ledger: &Ledger) {
    let settled = async {
        while ledger.checkpoint().size < ledger.size() && ledger.status().poisoned.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("no checkpoint");
}

/// A start over the files as they lie there.
async fn check_recovery(scene: &Scene, issued: &[String], what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let again = scene.crashed_into(folder);
    let opened: BTreeSet<String> = again
        .events()
        .into_iter()
        .filter(|event| event.kind == Kind::SESSION_OPENED)
        .filter_map(|event| event.session)
        .collect();
    for id in issued {
        assert!(opened.contains(id), "{what}: the URL of session {id} has no entry");
        let record = again.deps.usage.find(&SessionId(id.clone())).unwrap().expect("a record");
        assert!(record.closed_at.is_some(), "{what}: the record of session {id} is open");
    }
    assert!(again.deps.usage.open_ones().unwrap().is_empty(), "{what}");
    let opened = again.post("li", "/api/v1/sessions", live("cam-1")).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{what}: {}", opened.text);
    published_or_poisoned(&again.deps.ledger).await;
    let report = verify(&dir, &Options::default(), &mut |_, _| {});
    assert!(report.is_clean(), "{what}: {:?}", report.findings);
}

async fn one(operations: usize, fault: Fault) -> Option<&'static str> {
    let what = format!("{fault:?} after {operations} operations");
    let (scene, faults) = Scene::with_faults().await;
    scene.granted(terms()).await;
    published_or_poisoned(&scene.deps.ledger).await;
    faults.arm(operations, fault);
    let issued = ask_until_it_fails(&scene, &faults, &what).await;
    check_recovery(&scene, &issued, &what).await;
    faults.struck()
}

#[tokio::test]
async fn no_url_without_its_entry_whichever_operation_of_the_ledger_fails() {
    let mut struck = BTreeSet::new();
    for fault in [Fault::NoRoom, Fault::Half, Fault::NotSynced] {
        // A few at a time: each waits for its publisher most of the while.
        for first in (0..OPERATIONS).step_by(7) {
            let runs = (first..OPERATIONS.min(first + 7)).map(|operations| one(operations, fault));
            struck.extend(join_all(runs).await);
        }
    }
    for operation in ["append", "make_folder", "write", "rename", "sync_folder"] {
        assert!(struck.contains(&Some(operation)), "{operation} never failed: {struck:?}");
    }
}

/// The start itself meets a failing disk: it says so and opens nothing, and the next one is clean.
#[tokio::test]
async fn a_start_that_fails_leaves_a_ledger_that_the_next_start_opens() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let id = scene.opened("li").await["id"].as_str().unwrap().to_owned();
    let mut failed = 0;
    for fault in [Fault::NoRoom, Fault::Half, Fault::NotSynced] {
        for operations in 0..8 {
            let folder = tempfile::tempdir().unwrap();
            scene.copy_into(folder.path());
            let dir = folder.path().join("ledger");
            let faults = Arc::new(Faults::default());
            faults.arm(operations, fault);
            let clock = Arc::clone(&scene.clock);
            failed += usize::from(open_with(&dir, clock.clone(), &Registry::new(), &faults).is_err());
            let ledger = Ledger::open(&dir, clock, &Registry::new()).unwrap();
            let entries = ledger.read(0, 1_000).unwrap();
            let held = entries.iter().any(|entry| entry.event().is_ok_and(|event| event.session.as_ref() == Some(&id)));
            assert!(held, "{fault:?} after {operations} operations");
            ledger.close();
            let report = verify(&dir, &Options::default(), &mut |_, _| {});
            assert!(report.is_clean(), "{fault:?} after {operations} operations: {:?}", report.findings);
        }
    }
    assert!(failed > 0, "no start failed");
}
