//! The ledger as its callers have it: threads, real files, restarts, failures, and an independent reader of its tiles.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use media::wall::{Clock, Wall};
use prometheus::Registry;

use super::disk::memory::Memory;
use super::merkle::{check_consistency, check_inclusion, leaf_hash};
use super::shell::Shell;
use super::verify::{Options, verify, verify_on};
use super::*;
use crate::store::Store;

/// A clock that moves a microsecond with each look at it.
#[derive(Default)]
struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn wall(&self) -> Wall {
        Wall::EPOCH + self.monotonic()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(Ticks::default())
}

fn open(dir: &Path) -> Ledger {
    Ledger::open(dir, clock(), &Registry::new()).unwrap()
}

fn event(n: u64) -> Event {
    Event::new(Kind::DENIED, Wall::from_micros(1)).code("NO_GRANT").with("n", n)
}

fn numbers(ledger: &Ledger, from: u64, limit: usize) -> Vec<u64> {
    let entries = ledger.read(from, limit).unwrap();
    assert!(entries.iter().zip(from..).all(|(entry, index)| entry.index == index));
    entries.iter().map(|entry| entry.event().unwrap().detail["n"].as_u64().unwrap()).collect()
}

#[test]
fn many_callers_at_once_each_get_a_place_and_all_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let (callers, each) = (16, 40);
    let work = |caller: u64| {
        let ledger = ledger.clone();
        move || (0..each).map(|n| ledger.append(&event(caller * each + n)).unwrap().index()).collect::<Vec<_>>()
    };
    let threads: Vec<_> = (0..callers).map(|caller| std::thread::spawn(work(caller))).collect();
    let places: Vec<Vec<u64>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(places.iter().all(|mine| mine.is_sorted()), "a caller's entries are in its order");
    let places: BTreeSet<u64> = places.into_iter().flatten().collect();
    assert_eq!(places, (0..callers * each).collect());
    let before = numbers(&ledger, 0, 1_000);
    drop(ledger);

    let report = verify(dir.path(), &Options::default(), &mut |_, _| {});
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(report.size, Some(640), "the last checkpoint covers everything");
    let ledger = open(dir.path());
    assert_eq!((ledger.size(), ledger.checkpoint().size), (640, 640));
    assert_eq!(numbers(&ledger, 0, 1_000), before);
    assert_eq!(numbers(&ledger, 250, 10), before[250..260]);
    assert_eq!(numbers(&ledger, 639, 10), before[639..]);
    assert!(numbers(&ledger, 640, 10).is_empty() && numbers(&ledger, u64::MAX, 10).is_empty());
    assert_eq!(ledger.append(&event(9)).unwrap().index(), 640);
    assert_eq!(numbers(&ledger, 638, 10).len(), 3, "published and newest entries read as one");
}

#[test]
fn a_check_beside_the_running_appliance_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let ledger = ledger.clone();
            std::thread::spawn(move || (0..400).all(|n| ledger.append(&event(n)).is_ok()))
        })
        .collect();
    let mut checks = 0;
    while checks < 3 || !writers.iter().all(std::thread::JoinHandle::is_finished) {
        let report = verify(dir.path(), &Options::default(), &mut |_, _| {});
        assert!(report.is_clean(), "{:?}", report.findings);
        checks += 1;
    }
    writers.into_iter().for_each(|writer| assert!(writer.join().unwrap()));
}

#[test]
fn async_callers_are_served_and_a_recorded_value_has_its_place() {
    struct Permit(u64);
    impl Recordable for Permit {
        fn event(&self) -> Event {
            event(self.0)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let recorded = runtime.block_on(ledger.record_async(Permit(5))).unwrap();
    assert_eq!((recorded.receipt().index(), recorded.value().0), (0, 5));
    assert_eq!(ledger.record(Permit(6)).unwrap().into_inner().0, 6);
    assert_eq!(numbers(&ledger, 0, 9), [5, 6]);
    let huge = event(0).reason("x".repeat(ENTRY_BYTES_MAX));
    assert!(matches!(ledger.append(&huge), Err(LedgerUnavailable::TooLarge { .. })));
    ledger.close();
    ledger.close();
    assert_eq!(ledger.append(&event(1)), Err(LedgerUnavailable::Closed));
    assert_eq!(runtime.block_on(ledger.append_async(&event(1))), Err(LedgerUnavailable::Closed));
    assert_eq!(ledger.status().checkpoint_size, 2);
}

#[test]
fn one_process_at_a_time_and_the_private_key_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    assert!(matches!(Ledger::open(dir.path(), clock(), &Registry::new()), Err(LedgerError::InUse(_))));
    let mode = std::fs::metadata(dir.path().join("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(ledger);
    open(dir.path());
}

fn on(disk: &Arc<Memory>, registry: &Registry) -> Ledger {
    Ledger { shell: Arc::new(Shell::on(Arc::clone(disk) as Arc<_>, None, clock(), registry).unwrap()) }
}

fn metric(registry: &Registry, name: &str) -> f64 {
    let family = registry.gather().into_iter().find(|family| family.name() == name).unwrap();
    family.get_metric()[0].get_gauge().get_value()
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_until_a_restart_and_nothing_is_lost() {
    for operations in 0..12 {
        let disk = Arc::new(Memory::default());
        let registry = Registry::new();
        let ledger = on(&disk, &registry);
        ledger.append(&event(0)).unwrap();
        disk.fail_in(operations);
        // The disk takes a few more operations, of either thread; then all callers must be refused.
        let mut acked = 1;
        let refused = loop {
            match ledger.append(&event(acked)) {
                Ok(receipt) => {
                    assert_eq!(receipt.index(), acked);
                    acked += 1;
                }
                Err(refused) => break refused,
            }
        };
        assert!(matches!(refused, LedgerUnavailable::Poisoned(_)), "{refused}");
        disk.fail_in(usize::MAX);
        assert!(
            matches!(ledger.append(&event(0)), Err(LedgerUnavailable::Poisoned(_))),
            "a mended disk is not trusted"
        );
        assert!(ledger.status().poisoned.is_some());
        assert_eq!(metric(&registry, "sluice_ledger_poisoned"), 1.0);
        drop(ledger);
        let ledger = on(&Arc::new(Memory::of(disk.files())), &Registry::new());
        assert!(ledger.size() >= acked, "{operations}: {} of {acked}", ledger.size());
        assert_eq!(numbers(&ledger, 0, acked as usize), (0..acked).collect::<Vec<_>>());
    }
}

#[test]
fn metrics_tell_size_and_the_wait_for_a_checkpoint() {
    let registry = Registry::new();
    let ledger = on(&Arc::new(Memory::default()), &registry);
    for n in 0..7 {
        ledger.append(&event(n)).unwrap();
    }
    assert_eq!(metric(&registry, "sluice_ledger_size"), 7.0);
    assert_eq!(metric(&registry, "sluice_ledger_poisoned"), 0.0);
    ledger.close();
    assert_eq!(metric(&registry, "sluice_ledger_checkpoint_age_seconds"), 0.0);
    let families = registry.gather();
    let appends = families.iter().find(|family| family.name() == "sluice_ledger_append_seconds").unwrap();
    assert_eq!(appends.get_metric()[0].get_histogram().get_sample_count(), 7);
    assert!(families.iter().any(|family| family.name() == "sluice_sessions_without_record"));
    assert!(families.iter().all(|family| !family.help().is_empty()));
}

/// The tiles on disk, for an independent library's reader. It knows the layout with the height in the path.
struct Tiles<'a>(&'a Memory);

impl tlog_tiles::TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let files = self.0.files();
        Ok(tiles.iter().map(|tile| files[&tile.path().replacen("tile/8/", "tile/", 1)].clone()).collect())
    }
    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn an_independent_reader_finds_every_entry_under_the_checkpoint() {
    let disk = Arc::new(Memory::default());
    let ledger = on(&disk, &Registry::new());
    for n in 0..700 {
        ledger.append(&event(n)).unwrap();
    }
    ledger.close();
    let checkpoint = ledger.checkpoint();
    let (body, _) = checkpoint.note.split_once("\n\n").unwrap();
    let theirs = tlog_tiles::Checkpoint::from_bytes(format!("{body}\n\n").as_bytes());
    let theirs = theirs.or_else(|_| tlog_tiles::Checkpoint::from_bytes(format!("{body}\n").as_bytes())).unwrap();
    assert_eq!((theirs.origin(), theirs.size()), (checkpoint.origin.as_str(), 700));
    let tiles = Tiles(&disk);
    let reader = tlog_tiles::TileHashReader::new(theirs.size(), *theirs.hash(), &tiles);
    let root = theirs.hash().0;
    for entry in ledger.read(0, 1_000).unwrap() {
        let record = tlog_tiles::record_hash(&entry.bytes);
        let proof = tlog_tiles::prove_record(700, entry.index, &reader).unwrap();
        tlog_tiles::check_record(&proof, 700, *theirs.hash(), entry.index, record).unwrap();
        let mine = ledger.prove_inclusion(entry.index, 700).unwrap().unwrap();
        assert!(check_inclusion(entry.index, 700, &leaf_hash(&entry.bytes), &mine, &root));
    }
    for old in [1, 255, 256, 300, 512, 699, 700] {
        let old_root = tlog_tiles::tree_hash(old, &reader).unwrap().0;
        let mine = ledger.prove_consistency(old, 700).unwrap().unwrap();
        assert!(check_consistency(old, 700, &old_root, &root, &mine), "{old}");
    }
    assert_eq!(ledger.prove_inclusion(700, 700).unwrap(), None);
    assert_eq!(ledger.prove_consistency(1, 701).unwrap(), None);
}

#[test]
fn the_store_remembers_and_a_ledger_put_back_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let disk = Arc::new(Memory::default());
    let ledger = on(&disk, &Registry::new());
    ledger.append(&event(0)).unwrap();
    ledger.attach_witness(&store).unwrap();
    ledger.close();
    let older = disk.files();

    let ledger = on(&disk, &Registry::new());
    ledger.attach_witness(&store).unwrap();
    for n in 1..300 {
        ledger.append(&event(n)).unwrap();
    }
    ledger.close();
    let seen = store.get_json::<witness::Seen>(witness::WITNESS_KEY).unwrap().unwrap().value;
    assert_eq!(seen, witness::Seen::from(&ledger.checkpoint()));
    assert_eq!(seen.size, 300);

    let back = Memory::of(older);
    assert!(verify_on(&back, &Options::default(), &mut |_, _| {}).is_clean(), "the folder alone does not tell");
    let expect = vec![verify::Expect::try_from(&seen).unwrap()];
    assert!(!verify_on(&back, &Options { expect, ..Options::default() }, &mut |_, _| {}).is_clean());
    let ledger = on(&Arc::new(back), &Registry::new());
    let refused = ledger.attach_witness(&store).unwrap_err().to_string();
    assert!(refused.contains("the tail was removed"), "{refused}");

    let other = on(&Arc::new(Memory::default()), &Registry::new());
    assert!(other.attach_witness(&store).unwrap_err().to_string().contains("remembers"));
    drop((ledger, other));
    drop(store);
    assert_eq!(witness::remembered(dir.path()).unwrap(), Some(seen));
}
