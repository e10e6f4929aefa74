//! `sluice check` beside a running appliance, and on a stopped one whose recordings were damaged, until they are repaired.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::media::run;

const CAMERAS: [&str; 2] = ["check-1", "check-2"];

/// Exit code and what was said.
fn check(appliance: &Appliance, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let output = run(command.arg("check").arg("--data").arg(appliance.dir()).args(arguments));
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// A recording of the camera.
fn recording(appliance: &Appliance, camera: &str) -> PathBuf {
    let days = std::fs::read_dir(appliance.recordings().join(camera)).expect("a camera's folder");
    let day = days.flatten().next().expect("a day").path();
    std::fs::read_dir(day).expect("a day's folder").flatten().next().expect("a recording").path()
}

/// An appliance that recorded both cameras for a moment and was stopped.
fn stopped(cameras: &SimCameras) -> Appliance {
    let mut appliance = Appliance::start();
    for (number, camera) in (1..).zip(CAMERAS) {
        appliance.add_camera(camera, &cameras.url(number));
    }
    CAMERAS.iter().for_each(|camera| appliance.wait_for_camera(camera));
    eventually("both cameras are being recorded", Duration::from_secs(30), || {
        let (code, said) = check(&appliance, &["--json"]);
        assert_eq!(code, Some(0), "{said}");
        let found: Value = serde_json::from_str(&said).expect("JSON");
        (found["open"] == 2).then_some(())
    });
    appliance.stop();
    appliance
}

#[test]
fn damage_is_named_beside_a_running_appliance_and_repaired_in_a_stopped_one() {
    let cameras = SimCameras::start(CAMERAS.len());
    let appliance = stopped(&cameras);
    let (code, said) = check(&appliance, &["--depth", "structure"]);
    assert_eq!(code, Some(0), "{said}");

    let (short, gone) = (recording(&appliance, CAMERAS[0]), recording(&appliance, CAMERAS[1]));
    let bytes = std::fs::read(&short).expect("a recording");
    std::fs::write(&short, &bytes[..bytes.len() - 1]).expect("written");
    std::fs::remove_file(&gone).expect("removed");
    let (code, said) = check(&appliance, &["--depth", "presence"]);
    assert_eq!((code, said.matches("not on the volume").count()), (Some(1), 1), "{said}");
    let (code, said) = check(&appliance, &[]);
    assert_eq!(code, Some(1), "{said}");
    for (path, word) in [(&short, "and the index says"), (&gone, "not on the volume")] {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(said.lines().any(|line| line.contains(name) && line.contains(word)), "{name}: {said}");
    }
    let (code, said) = check(&appliance, &["--repair"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("repaired: 1 cut"), "{said}");
    let (code, said) = check(&appliance, &["--depth", "structure"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_no_recording_and_what_was_changed_since_are_moved_away_whole_and_the_end_says_which() {
    let cameras = SimCameras::start(CAMERAS.len());
    let appliance = stopped(&cameras);
    let (changed, garbage) = (recording(&appliance, CAMERAS[0]), recording(&appliance, CAMERAS[1]));
    std::fs::write(&garbage, "garbage that calls itself MP4").expect("written");
    // A file that is no recording is mended away: the end is good.
    let (code, said) = check(&appliance, &["--repair"]);
    assert!(code == Some(0) && said.contains("1 moved to _quarantine"), "{code:?} {said}");
    // One bit of the media of a recording: nothing but its hash tells.
    let mut bytes = std::fs::read(&changed).expect("a recording");
    let place = bytes.len() - 10;
    bytes[place] ^= 1;
    std::fs::write(&changed, &bytes).expect("written");
    assert_eq!(check(&appliance, &["--depth", "structure"]).0, Some(0));
    let (code, said) = check(&appliance, &["--depth", "hash"]);
    assert!(code == Some(1) && said.contains("changed since it was sealed"), "{code:?} {said}");
    let (code, said) = check(&appliance, &["--depth", "hash", "--repair"]);
    assert!(code == Some(1) && said.contains("NOT MENDED: 1 changed after they were sealed"), "{code:?} {said}");
    assert!(!changed.exists());
    let folder = std::fs::read_dir(appliance.recordings().join("_quarantine")).expect("a quarantine");
    let kept: Vec<Vec<u8>> = folder.flatten().map(|file| std::fs::read(file.path()).expect("a file")).collect();
    assert!(kept.contains(&bytes) && kept.len() == 4, "both, each with its reason");
    let (code, said) = check(&appliance, &["--depth", "hash"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_cannot_be_read_is_no_finding_and_nothing_is_repaired_under_a_running_appliance() {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera(CAMERAS[0], &cameras.url(1));
    appliance.wait_for_camera(CAMERAS[0]);
    eventually("the camera is being recorded", Duration::from_secs(30), || {
        let (_, said) = check(&appliance, &["--json"]);
        serde_json::from_str::<Value>(&said).ok().filter(|found| found["open"] == 1)
    });
    let stranger = appliance.recordings().join(CAMERAS[0]).join("2020-01-01");
    std::fs::create_dir(&stranger).expect("made");
    let file = std::fs::File::create(stranger.join("000000.000.mp4")).expect("made");
    // One as young as one that is being begun would be let be.
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("an old file");
    let (code, said) = check(&appliance, &["--repair"]);
    assert_eq!(code, Some(66), "{said}");
    assert!(said.contains("not in the index") && said.contains("stop it first"), "{said}");
    assert!(stranger.join("000000.000.mp4").exists());
    // An index that another process has is not made anew, whatever it looks like.
    let (current, away) = (appliance.dir().join("state/recordings/CURRENT"), appliance.dir().join("CURRENT"));
    std::fs::rename(&current, &away).expect("moved");
    let (code, said) = check(&appliance, &["--repair"]);
    assert!(code == Some(66) && said.contains("stop it first"), "{code:?} {said}");
    std::fs::rename(&away, &current).expect("moved back");
    assert_eq!(check(&appliance, &[]).0, Some(1), "the stranger, and nothing else");
}

/// All bytes of the ledger's folder say this word somewhere.
fn is_on_ledger(appliance: &Appliance, word: &str) -> bool {
    let mut folders = vec![appliance.dir().join("ledger")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(word)) {
                return true;
            }
        }
    }
    false
}

#[test]
fn a_broken_index_is_made_anew_from_the_files_and_the_ledger_tells_what_was_changed_meanwhile() {
    let cameras = SimCameras::start(CAMERAS.len());
    let mut appliance = stopped(&cameras);
    let changed = recording(&appliance, CAMERAS[0]);
    let name = changed.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    // What a stop seals is told by the next start.
    appliance.start_again();
    eventually("its hash is on the ledger", Duration::from_secs(30), || is_on_ledger(&appliance, &name).then_some(()));
    appliance.stop();
    let index = appliance.dir().join("state/recordings");
    std::fs::write(index.join("CURRENT"), "MANIFEST-none\n").expect("written");
    let mut bytes = std::fs::read(&changed).expect("a recording");
    let place = bytes.len() - 10;
    bytes[place] ^= 1;
    std::fs::write(&changed, &bytes).expect("written");
    let (code, said) = check(&appliance, &[]);
    assert!(code == Some(66) && said.contains("--repair makes it anew"), "{code:?} {said}");
    let (code, said) = check(&appliance, &["--repair"]);
    assert!(said.contains("made anew from the recordings alone") && said.contains("recordings.broken-"), "{said}");
    assert!(code == Some(1) && said.contains("changed since it was put on the ledger"), "{code:?} {said}");
    assert!(said.contains("NOT MENDED: 1 changed after they were sealed") && !changed.exists(), "{said}");
    let (code, said) = check(&appliance, &["--depth", "hash"]);
    assert_eq!(code, Some(0), "{said}");
    // One that is gone altogether.
    std::fs::remove_dir_all(&index).expect("removed");
    let (code, said) = check(&appliance, &["--repair"]);
    assert!(code == Some(0) && said.contains("recordings and index agree"), "{code:?} {said}");
    assert!(!said.contains("kept in"), "{said}");
    appliance.start_again();
    CAMERAS.iter().for_each(|camera| appliance.wait_for_camera(camera));
}
