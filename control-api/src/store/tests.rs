//! The store's promises: preconditions, atomicity, versions that never return, order, watching, and what a restart keeps.

use super::*;

fn open() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

#[test]
fn a_restart_keeps_rows_versions_and_the_revision() {
    let (dir, store) = open();
    let first = store.commit(Batch::new().put("camera/a", "1").put("camera/b", "2")).unwrap();
    let second = store.commit(Batch::new().delete("camera/b").put("camera/a", "3")).unwrap();
    assert_eq!((first, second), (Revision(1), Revision(2)));
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.revision(), second);
    assert_eq!(store.get("camera/a").unwrap(), Some(Versioned { value: b"3".to_vec(), version: second }));
    assert_eq!(store.get("camera/b").unwrap(), None);
}

#[test]
fn a_failed_precondition_names_its_key_and_writes_nothing() {
    let (_dir, store) = open();
    let version = store.commit(Batch::new().expect_absent("unit/x").put("unit/x", "1")).unwrap();
    let again = store.commit(Batch::new().put("unit/other", "1").expect_absent("unit/x").put("unit/x", "2"));
    assert!(matches!(again, Err(CommitError::Conflict { key }) if key == "unit/x"));
    assert_eq!(store.get("unit/other").unwrap(), None);
    let stale = store.commit(Batch::new().expect_version("unit/x", Revision(version.0 + 1)).delete("unit/x"));
    assert!(matches!(stale, Err(CommitError::Conflict { .. })));
    let absent = store.commit(Batch::new().expect_version("unit/none", version).put("unit/none", "1"));
    assert!(matches!(absent, Err(CommitError::Conflict { .. })));
    store.commit(Batch::new().expect_version("unit/x", version).put("unit/x", "2")).unwrap();
}

#[test]
fn a_key_made_again_has_a_new_version() {
    let (_dir, store) = open();
    let old = store.commit(Batch::new().put("grant/1", "a")).unwrap();
    store.commit(Batch::new().delete("grant/1")).unwrap();
    store.commit(Batch::new().put("grant/1", "a")).unwrap();
    assert!(store.commit(Batch::new().expect_version("grant/1", old).put("grant/1", "b")).is_err());
}

#[test]
fn of_many_racing_for_one_key_one_wins() {
    let (_dir, store) = open();
    let race = |n: usize| {
        let store = store.clone();
        std::thread::spawn(move || store.commit(Batch::new().expect_absent("seat").put("seat", n.to_string())).is_ok())
    };
    let racers: Vec<_> = (0..64).map(race).collect();
    let winners = racers.into_iter().map(|r| r.join().unwrap()).filter(|won| *won).count();
    assert_eq!(winners, 1);
    assert_eq!(store.revision(), Revision(1));
}

#[test]
fn a_range_stays_in_its_prefix_and_pages() {
    let (_dir, store) = open();
    let mut batch = Batch::new().put("cam", "no").put("camera0", "no").put("camera.", "no");
    for n in 0..10 {
        batch = batch.put(format!("camera/{n}"), n.to_string());
    }
    store.commit(batch).unwrap();
    let page = |after: Option<&str>, limit| -> Vec<String> {
        store.range("camera/", after, limit).unwrap().into_iter().map(|row| row.key).collect()
    };
    assert_eq!(page(None, 3), ["camera/0", "camera/1", "camera/2"]);
    assert_eq!(page(Some("camera/2"), 2), ["camera/3", "camera/4"]);
    assert_eq!(page(Some("camera/22"), 1), ["camera/3"]);
    assert_eq!(page(Some("a"), 1), ["camera/0"]);
    assert_eq!(page(Some("zebra"), 5), Vec::<String>::new());
    assert_eq!(page(None, 100).len(), 10);
    let back = |after: Option<&str>, limit| -> Vec<String> {
        store.range_in(Order::Newest, "camera/", after, limit).unwrap().into_iter().map(|row| row.key).collect()
    };
    assert_eq!(back(None, 2), ["camera/9", "camera/8"]);
    assert_eq!(back(Some("camera/8"), 2), ["camera/7", "camera/6"]);
    assert_eq!(back(Some("camera/77"), 1), ["camera/7"]);
    assert_eq!(back(Some("camera/0"), 5), Vec::<String>::new());
    assert_eq!(back(None, 100).len(), 10);
}

#[test]
fn a_watcher_sees_its_prefix_in_order_and_is_told_what_it_missed() {
    let (_dir, store) = open();
    let mut watch = store.watch("grant/");
    store.commit(Batch::new().put("camera/1", "x")).unwrap();
    assert_eq!(watch.try_changed(), Ok(None));
    store.commit(Batch::new().put("grant/1", "a").put("camera/2", "x")).unwrap();
    let last = store.commit(Batch::new().delete("grant/1")).unwrap();
    assert_eq!(watch.try_changed().unwrap().unwrap()[0].value.as_deref(), Some(b"a".as_slice()));
    let deleted = Change { key: "grant/1".into(), value: None, revision: last };
    assert_eq!(watch.try_changed(), Ok(Some(vec![deleted])));

    let group = |n: usize| Batch::new().put(format!("grant/{n}"), "b");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let commits = (0..watch::COMMITS_QUEUED_MAX + 5).map(|n| store.commit_async(group(n)));
    for commit in commits.collect::<Vec<_>>() {
        runtime.block_on(commit).unwrap();
    }
    assert_eq!(watch.try_changed(), Err(WatchLag::Missed { commits: 5 }));
    assert!(watch.try_changed().unwrap().is_some());
    drop(store);
    while watch.try_changed().is_ok() {}
    assert_eq!(watch.try_changed(), Err(WatchLag::Closed));
}

#[test]
fn what_cannot_be_stored_is_refused_before_the_writer() {
    let (_dir, store) = open();
    let big = vec![0; VALUE_BYTES_MAX + 1];
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    for bad in [
        Batch::new().put("", "x"),
        Batch::new().put(long, "x"),
        Batch::new().put("a\0b", "x"),
        Batch::new().put("k", big),
    ] {
        assert!(matches!(store.commit(bad), Err(CommitError::Malformed(_))));
    }
    assert_eq!(store.revision(), Revision(0));
}

#[test]
fn json_in_and_out_and_a_value_of_another_type_is_named() {
    let (_dir, store) = open();
    store.put_json("unit/a", &vec![1, 2, 3]).unwrap();
    assert_eq!(store.get_json::<Vec<u8>>("unit/a").unwrap().unwrap().value, [1, 2, 3]);
    assert_eq!(store.range_json::<Vec<u8>>("unit/", None, 9).unwrap().len(), 1);
    let wrong = store.get_json::<String>("unit/a");
    assert!(matches!(wrong, Err(StoreError::Value { key, .. }) if key == "unit/a"));
}

#[test]
fn a_second_process_is_refused_and_a_reader_is_not() {
    let (dir, store) = open();
    store.put_json("ledger/witness", &7).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Engine { .. })));
    let reader = ReadOnly::open(dir.path()).unwrap();
    assert_eq!(reader.get_json::<u8>("ledger/witness").unwrap().unwrap().value, 7);
}
