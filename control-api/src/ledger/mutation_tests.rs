//! Ten thousand seeded ways of tampering with a ledger on disk, each of which the verifier must see and name: by the log's key kept
//! elsewhere where the log's owner is honest, by the witness's where he is not. `SLUICE_MUTATIONS` sets another number, and
//! `SLUICE_MUTATION_SEED` another beginning.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cosignature::signing::WitnessPen;
use super::cosigned::COSIGNED;
use super::disk::memory::Memory;
use super::note::{SignerKey, VerifierKey};
use super::publish::CHECKPOINT;
use super::recovery::{self, KEY, VERIFIER};
use super::tile::{Shelf, TileName, bundle, split_bundle};
use super::verify::{Finding, Options, verify_on};

/// Three tiles of hashes, the last one unfinished.
const ENTRIES: u64 = 600;
const MUTATIONS: u64 = 10_000;

type Files = BTreeMap<String, Vec<u8>>;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

fn entry(n: u64) -> Arc<[u8]> {
    format!(r#"{{"kind":"session.opened","n":{n},"v":1}}"#).into_bytes().into()
}

/// A ledger of these entries under this key, published in steps.
fn built(entries: &[Arc<[u8]>], seed: u8, steps: usize) -> Files {
    let disk = Memory::default();
    let mut files = recovery::open(&disk, || Ok([seed; 32])).unwrap();
    for step in entries.chunks(entries.len().div_ceil(steps).max(1)) {
        files.journal.append(&disk, step).unwrap();
        files.publisher.publish(&disk, step).unwrap();
    }
    disk.files()
}

/// The honest log, its beginnings, and what the auditor knows of it.
struct Scene {
    entries: Vec<Arc<[u8]>>,
    whole: Files,
    /// The folder as it was earlier.
    past: Vec<Files>,
    options: Options,
}

impl Scene {
    fn new() -> Self {
        let entries: Vec<_> = (0..ENTRIES).map(entry).collect();
        let past = [40, 256, 300, 599].map(|size| built(&entries[..size], 42, 1)).to_vec();
        let mut whole = built(&entries, 42, 7);
        let pen = WitnessPen::new("witness.test/w", 3);
        let note = String::from_utf8(whole[CHECKPOINT].clone()).unwrap();
        let cosigned = format!("{note}{}", pen.line(&note, 1_780_000_000));
        whole.insert(COSIGNED.into(), cosigned.clone().into_bytes());
        let options = Options {
            verifier: Some(SignerKey::from_seed(&[42; 32]).verifier()),
            witnesses: vec![pen.key()],
            cosigned: vec![cosigned],
            ..Options::default()
        };
        Self { entries, whole, past, options }
    }

    /// Files that must be there: an older partial tile beside a wider one may go.
    fn needed(&self) -> Vec<String> {
        let needed = |path: &&String| match TileName::parse(path) {
            Some(name) => TileName::in_tree(name.shelf, name.index, ENTRIES) == Some(name),
            // The key stays with the appliance, and what was seen elsewhere the auditor brings himself.
            None => ![KEY, COSIGNED].contains(&path.as_str()),
        };
        self.whole.keys().filter(needed).cloned().collect()
    }
}

/// What was done, the folder after it, and the file that a finding must name; none where any will do.
struct Mutated {
    what: String,
    files: Files,
    named: Option<String>,
}

fn mutate(scene: &Scene, dice: &mut Dice) -> Mutated {
    let mut files = scene.whole.clone();
    let paths: Vec<String> = files.keys().filter(|path| !files[*path].is_empty()).cloned().collect();
    match dice.below(16) {
        0..=3 => {
            let path = dice.pick(&paths).clone();
            let bytes = files.get_mut(&path).unwrap();
            let (at, bit) = (dice.below(bytes.len()), dice.below(8));
            bytes[at] ^= 1 << bit;
            Mutated { what: format!("bit {bit} of byte {at} of {path} flipped"), files, named: Some(path) }
        }
        4 => {
            let path = dice.pick(&scene.needed()).clone();
            files.remove(&path);
            let named = match path.split_once('/') {
                // The only segment: it is the whole journal that is missing.
                Some(("journal", _)) => "journal".to_owned(),
                _ => path.clone(),
            };
            Mutated { what: format!("{path} dropped"), files, named: Some(named) }
        }
        5 => {
            let path = dice.pick(&paths).clone();
            let bytes = files.get_mut(&path).unwrap();
            let length = dice.below(bytes.len());
            bytes.truncate(length);
            Mutated { what: format!("{path} cut to {length} bytes"), files, named: Some(path) }
        }
        6 => {
            let path = dice.pick(&paths).clone();
            let bytes = files.get_mut(&path).unwrap();
            let (at, more) = (dice.below(bytes.len() + 1), 1 + dice.below(40));
            let noise: Vec<u8> = (0..more).map(|_| dice.roll() as u8).collect();
            bytes.splice(at..at, noise);
            Mutated { what: format!("{more} bytes put into {path} at {at}"), files, named: Some(path) }
        }
        7 => {
            let (one, other) = (dice.pick(&paths).clone(), dice.pick(&paths).clone());
            if files[&one] == files[&other] {
                return mutate(scene, dice);
            }
            let (a, b) = (files[&one].clone(), files[&other].clone());
            files.insert(one.clone(), b);
            files.insert(other.clone(), a);
            Mutated { what: format!("{one} and {other} swapped"), files, named: None }
        }
        8 => shuffle_a_bundle(files, dice),
        9 => {
            let path = dice.pick(&paths).clone();
            let bytes = files.get_mut(&path).unwrap();
            let (from, to) = (dice.below(bytes.len()), dice.below(bytes.len()));
            let before = bytes.clone();
            bytes[from.min(to)..=from.max(to)].fill(0);
            if *bytes == before {
                return mutate(scene, dice);
            }
            Mutated { what: format!("zeros in {path} from {from} to {to}"), files, named: Some(path) }
        }
        10..=12 => put_in(scene, files, dice),
        _ => rewrite(scene, dice),
    }
}

/// A file that the log never wrote, or that it wrote earlier.
fn put_in(scene: &Scene, mut files: Files, dice: &mut Dice) -> Mutated {
    match dice.below(3) {
        0 => {
            let path = plant(dice);
            files.insert(path.clone(), vec![7; 64]);
            Mutated { what: format!("{path} planted"), files, named: Some(path) }
        }
        1 => {
            let older = dice.pick(&scene.past)[CHECKPOINT].clone();
            files.insert(CHECKPOINT.into(), older);
            Mutated { what: "an older checkpoint put back".into(), files, named: Some(CHECKPOINT.into()) }
        }
        _ => {
            let mut files = dice.pick(&scene.past).clone();
            files.insert(COSIGNED.into(), scene.whole[COSIGNED].clone());
            Mutated { what: "the whole folder put back".into(), files, named: Some(CHECKPOINT.into()) }
        }
    }
}

/// Entries of one bundle in another order, one left out, or one twice; the tiles stay.
fn shuffle_a_bundle(mut files: Files, dice: &mut Dice) -> Mutated {
    let bundles: Vec<String> = files.keys().filter(|path| path.starts_with("tile/entries/")).cloned().collect();
    let path = dice.pick(&bundles).clone();
    let mut entries: Vec<Arc<[u8]>> = split_bundle(&files[&path]).0.into_iter().map(Arc::from).collect();
    let (one, other) = (dice.below(entries.len()), dice.below(entries.len()));
    let what = match dice.below(3) {
        0 if one != other => {
            entries.swap(one, other);
            format!("entries {one} and {other} of {path} swapped")
        }
        1 => {
            let again = entries[one].clone();
            entries.insert(other, again);
            format!("entry {one} of {path} twice")
        }
        _ => {
            entries.remove(one);
            format!("entry {one} of {path} left out")
        }
    };
    files.insert(path.clone(), bundle(&entries));
    Mutated { what, files, named: Some(path) }
}

fn plant(dice: &mut Dice) -> String {
    let tile = |shelf, index, width| TileName { shelf, index, width }.path();
    match dice.below(5) {
        0 => format!("note-{}", dice.below(1_000)),
        1 => format!("tile/0/{}", dice.below(1_000)),
        2 => tile(Shelf::Level(0), 3 + dice.roll() % 1_000_000, 2),
        3 => tile(Shelf::Entries, 3 + dice.roll() % 1_000_000, 256),
        _ => tile(Shelf::Level(1 + dice.roll() as u32 % 3), 1 + dice.roll() % 1_000, 2),
    }
}

/// The log's own key at work: entries changed, left out, moved or forked, everything hashed and signed anew. Or a key of one's own.
fn rewrite(scene: &Scene, dice: &mut Dice) -> Mutated {
    let mut entries = scene.entries.clone();
    let at = dice.below(entries.len());
    let (what, seed) = match dice.below(6) {
        0 => {
            entries[at] = entry(1_000_000 + dice.roll() % 1_000);
            (format!("entry {at} rewritten and everything re-signed"), 42)
        }
        1 => {
            entries.remove(at);
            (format!("entry {at} removed and everything re-signed"), 42)
        }
        2 => {
            let other = (at + 1) % entries.len();
            entries.swap(at, other);
            (format!("entries {at} and {other} swapped and everything re-signed"), 42)
        }
        3 => {
            entries.truncate(at.max(1));
            (format!("the tail from {at} on removed and everything re-signed"), 42)
        }
        4 => {
            entries.truncate(at.max(1));
            let more = 1 + ENTRIES as usize - at;
            entries.extend((0..more as u64 + dice.roll() % 300).map(|n| entry(2_000_000 + n)));
            (format!("a fork from entry {at} on, longer than the log"), 42)
        }
        _ => ("the same entries under another key".to_owned(), 43),
    };
    let mut files = built(&entries, seed, 1);
    files.insert(COSIGNED.into(), scene.whole[COSIGNED].clone());
    let named = if seed == 42 { CHECKPOINT } else { VERIFIER };
    Mutated { what, files, named: Some(named.into()) }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn ten_thousand_ways_of_tampering_are_each_seen_and_named() {
    let scene = Scene::new();
    let clean = verify_on(&Memory::of(scene.whole.clone()), &scene.options, &mut |_, _| {});
    assert!(clean.is_clean() && clean.witnessed.len() == 2, "{clean:?}");
    let (seed, count) = (number("SLUICE_MUTATION_SEED", 20_220_039), number("SLUICE_MUTATIONS", MUTATIONS));
    let mut unseen = Vec::new();
    for turn in 0..count {
        let mut dice = Dice(seed.wrapping_add(turn));
        let Mutated { what, files, named } = mutate(&scene, &mut dice);
        let findings = verify_on(&Memory::of(files), &scene.options, &mut |_, _| {}).findings;
        let names = |finding: &Finding| named.as_ref().is_none_or(|named| finding.file == *named);
        if !findings.iter().any(names) {
            let said: Vec<String> = findings.iter().take(3).map(ToString::to_string).collect();
            unseen.push(format!("turn {turn}: {what}: {said:?}"));
        }
    }
    assert!(unseen.is_empty(), "{} of {count}: {:#?}", unseen.len(), &unseen[..unseen.len().min(20)]);
}

#[test]
fn without_a_witness_a_rewritten_log_is_not_seen_and_the_report_does_not_say_it_was() {
    let scene = Scene::new();
    let mut entries = scene.entries.clone();
    entries[17] = entry(1);
    let files = built(&entries, 42, 1);
    let trusting = Options { verifier: scene.options.verifier.clone(), ..Options::default() };
    let report = verify_on(&Memory::of(files), &trusting, &mut |_, _| {});
    assert!(report.is_clean() && report.witnessed.is_empty());
    assert!(report.notices.iter().any(|notice| notice.contains("no checkpoint from elsewhere")), "{report:?}");
    let key: VerifierKey = trusting.verifier.unwrap();
    assert_eq!(key, SignerKey::from_seed(&[42; 32]).verifier());
}
