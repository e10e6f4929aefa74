//! A package over a real ledger, whole and with each byte of each of its files changed.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media::wall::{Clock, Wall};
use prometheus::Registry;

use super::*;
use crate::exports::ExportForm;
use crate::exports::manifest::{Person, Source, Video};
use crate::exports::package::{self, Content, ExportKey};
use crate::ledger::Ledger;
use crate::stamp::Stamp;

struct Still;

impl Clock for Still {
    fn wall(&self) -> Wall {
        Wall::from_micros(1_780_000_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Case {
    folder: tempfile::TempDir,
    ledger_key: VerifierKey,
    key: ExportKey,
}

const VIDEO: &[u8] = b"not much of a video, but every byte of it counts";

fn manifest(key: &ExportKey, ledger_key: &str, readme: &[u8], standing: Standing) -> Manifest {
    let at = Stamp(Wall::from_micros(1_779_999_000_000_000));
    let form = serde_json::json!({
        "camera": "cam-1", "from": at, "to": at, "purpose": "GA-1", "reason": "案件", "recipient": "检察院", "medium": "U盘",
    });
    let file =
        |name: &str, bytes: &[u8]| FileHash { name: name.into(), bytes: bytes.len() as u64, sha256: sha256(bytes) };
    Manifest {
        version: manifest::VERSION,
        export: "01K".into(),
        camera_name: "东街口".into(),
        request: serde_json::from_value::<ExportForm>(form).unwrap(),
        unit: "gaj".into(),
        persons: vec![Person {
            step: "request".into(), user: "u".into(), name: "张三".into(), unit: "gaj".into(), at
        }],
        rendered_at: at,
        mark: "m".into(),
        videos: vec![Video { file: "video.mp4".into(), from: at, to: at }],
        gaps: Vec::new(),
        sources: vec![Source {
            path: "cam-1/x.mp4".into(),
            from: at,
            to: at,
            bytes: 1,
            blake3: "00".into(),
            sealed: true,
            ledger: standing,
        }],
        files: vec![file("video.mp4", VIDEO), file(README, readme)],
        export_key: key.public(),
        ledger_key: ledger_key.into(),
    }
}

impl Case {
    fn path(&self) -> PathBuf {
        self.folder.path().join("p.zip")
    }

    /// Writes a package with `extra` in it besides.
    fn new(standing: Standing, extra: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger"), Arc::new(Still), &Registry::new()).unwrap();
        let (key, ledger_key) = (ExportKey::new(&[3; 32]), ledger.verifier_key().unwrap());
        let readme = package::readme("01K").into_bytes();
        let manifest = manifest(&key, &ledger_key.to_string(), &readme, standing).canonical();
        for n in 0..5 {
            ledger.append(&Event::new(EXPORT_RENDERED, Still.wall()).with("n", n)).unwrap();
        }
        let event = Event::new(EXPORT_RENDERED, Still.wall()).with("manifest_sha256", sha256(&manifest));
        let index = ledger.append(&event).unwrap().index();
        ledger.close();
        let checkpoint = ledger.checkpoint();
        let path = ledger.prove_inclusion(index, checkpoint.size).unwrap().unwrap();
        let proof = Proof {
            entry: String::from_utf8(event.canonical()).unwrap(),
            index,
            size: checkpoint.size,
            path: path.iter().map(hex::encode).collect(),
            checkpoint: checkpoint.note,
            ledger_key: ledger_key.to_string(),
        };
        let mut files = vec![
            ("video.mp4".to_owned(), Content::Text(VIDEO.to_vec())),
            (SIGNATURE.to_owned(), Content::Text(key.sign(&manifest).into_bytes())),
            (MANIFEST.to_owned(), Content::Text(manifest)),
            (PROOF.to_owned(), Content::Text(canonical(&proof))),
            (README.to_owned(), Content::Text(readme)),
        ];
        files.extend(extra.map(|name| (name.to_owned(), Content::Text(b"x".to_vec()))));
        let case = Self { folder, ledger_key, key };
        package::write(&case.path(), &files).unwrap();
        case
    }

    fn verify(&self) -> Verdict {
        let trust = Trust { ledger_key: Some(self.ledger_key.clone()), export_key: Some(self.key.public()) };
        verify(&self.path(), &trust).unwrap()
    }
}

fn unchanged() -> Standing {
    Standing::Unchanged { entry: 3, at: Stamp(Wall::EPOCH) }
}

#[test]
fn a_whole_package_is_proven_but_for_what_nothing_can_prove() {
    let case = Case::new(unchanged(), None);
    let verdict = case.verify();
    assert!(verdict.is_good(), "{verdict:#?}");
    assert_eq!((verdict.proven.len(), verdict.not_proven.len()), (7, 1), "{verdict:#?}");
    let alone = verify(&case.path(), &Trust::default()).unwrap();
    assert!(alone.is_good());
    assert_eq!(alone.not_proven.len(), 3, "whose keys they are: {alone:#?}");
}

#[test]
fn every_changed_byte_of_every_file_is_found_and_its_file_named() {
    let case = Case::new(unchanged(), None);
    let whole = std::fs::read(case.path()).unwrap();
    let mut zip = ZipArchive::new(File::open(case.path()).unwrap()).unwrap();
    let mut flips = 0;
    for number in 0..zip.len() {
        let entry = zip.by_index_raw(number).unwrap();
        let (name, begin) = (entry.name().to_owned(), entry.data_start().unwrap() as usize);
        for at in begin..begin + entry.size() as usize {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(case.path(), &changed).unwrap();
            let verdict = case.verify();
            assert!(verdict.broken.iter().any(|line| line.starts_with(&name)), "{name} byte {at}: {verdict:#?}");
            flips += 1;
        }
    }
    assert!(flips > 2_000, "{flips}");
}

/// The checksums of ZIP are for accidents: whoever changes a file also changes those.
#[test]
fn a_file_that_was_put_in_anew_is_found_all_the_same() {
    let case = Case::new(unchanged(), None);
    let mut zip = ZipArchive::new(File::open(case.path()).unwrap()).unwrap();
    let mut files = Vec::new();
    for number in 0..zip.len() {
        let mut entry = zip.by_index(number).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.push((entry.name().to_owned(), bytes));
    }
    for target in 0..files.len() {
        let changed = files.iter().enumerate().map(|(number, (name, bytes))| {
            let mut bytes = bytes.clone();
            if number == target {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            (name.clone(), Content::Text(bytes))
        });
        package::write(&case.path(), &changed.collect::<Vec<_>>()).unwrap();
        let verdict = case.verify();
        assert!(verdict.broken.iter().any(|line| line.starts_with(&files[target].0)), "{verdict:#?}");
    }
}

#[test]
fn what_does_not_belong_in_it_is_found() {
    assert!(Case::new(unchanged(), Some("more.mp4")).verify().broken[0].starts_with("more.mp4"));
    let case = Case::new(unchanged(), None);
    let mut file = std::fs::OpenOptions::new().append(true).open(case.path()).unwrap();
    file.write_all(b"behind").unwrap();
    assert!(!case.verify().is_good());
}

#[test]
fn other_keys_and_recordings_that_were_changed_are_said() {
    let case = Case::new(unchanged(), None);
    let other = Trust { export_key: Some(ExportKey::new(&[4; 32]).public()), ..Trust::default() };
    assert!(!verify(&case.path(), &other).unwrap().is_good());
    let changed = Standing::Changed { entry: 3, at: Stamp(Wall::EPOCH), blake3: "01".into() };
    let verdict = Case::new(changed, None).verify();
    assert!(verdict.broken[0].starts_with("recording cam-1/x.mp4"), "{verdict:#?}");
    let unknown = Case::new(Standing::NotOnLedger {}, None).verify();
    assert!(unknown.is_good() && unknown.not_proven[0].starts_with("recording cam-1/x.mp4"), "{unknown:#?}");
}

#[test]
fn hostile_packages_are_refused_without_a_panic() {
    let case = Case::new(unchanged(), None);
    let whole = std::fs::read(case.path()).unwrap();
    let mut seed = 1_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for round in 0..2_000 {
        let mut bytes = whole.clone();
        if round % 2 == 0 {
            bytes.truncate(random() % whole.len());
        }
        for _ in 0..random() % 8 {
            let at = random() % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random() as u8;
            }
        }
        std::fs::write(case.path(), &bytes).unwrap();
        let _ = case.verify();
    }
}
