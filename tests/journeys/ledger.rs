//! The ledger tells on whoever touches it: a flipped byte, a removed or swapped entry, a truncated tail.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::appliance::Appliance;
use crate::harness::media::run;

fn verify(dir: &Path) -> (bool, String) {
    let output = run(Command::new(env!("CARGO_BIN_EXE_sluice")).args(["ledger", "verify"]).arg(dir));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn verify_names_what_was_touched() {
    let mut appliance = Appliance::start();
    for _ in 0..20 {
        appliance.login("audit_admin");
    }
    assert_eq!(appliance.stop(), Some(0), "a clean stop");
    let ledger = appliance.dir().join("ledger");
    let (sound, said) = verify(&ledger);
    assert!(sound, "an untouched ledger: {said}");

    for file in files(&ledger) {
        let name = file.strip_prefix(&ledger).expect("inside").display().to_string();
        // The private key proves nothing and is not read.
        if name == "key" || name.ends_with("lock") {
            continue;
        }
        let good = std::fs::read(&file).expect("readable");
        if good.is_empty() {
            continue;
        }
        for position in [0, good.len() / 3, good.len() - 1] {
            let mut bad = good.clone();
            bad[position] ^= 0x01;
            std::fs::write(&file, &bad).expect("writable");
            let (sound, said) = verify(&ledger);
            assert!(!sound, "byte {position} of {name} flipped, and verify is content: {said}");
            assert!(said.contains(&name) || said.contains("entr"), "verify does not name {name}: {said}");
        }
        std::fs::write(&file, &good[..good.len() - 1]).expect("writable");
        let (sound, said) = verify(&ledger);
        assert!(!sound, "{name} cut by a byte, and verify is content: {said}");
        std::fs::write(&file, &good).expect("writable");
    }
    assert!(verify(&ledger).0, "restored");

    // What an auditor takes away proves itself elsewhere, without the key and without the state.
    let copy = appliance.dir().join("taken/away");
    let sluice = || Command::new(env!("CARGO_BIN_EXE_sluice"));
    let exported = run(sluice().args(["ledger", "export"]).arg(&ledger).arg(&copy));
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let names: Vec<String> = files(&copy).iter().map(|file| file.display().to_string()).collect();
    assert!(!names.iter().any(|name| name.ends_with("/key") || name.contains("journal")), "{names:?}");
    let key = ledger.join("verifier.pub");
    let output = run(sluice().args(["ledger", "verify", "--key"]).arg(key).arg(&copy));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("exported copy"), "{said}");
    assert!(!run(sluice().args(["ledger", "export"]).arg(&ledger).arg(&copy)).status.success(), "not over another");
}
