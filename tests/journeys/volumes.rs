//! Volumes that are real file systems, in a mount namespace of the test's own: one is full, read-only, taken away and brought back, and
//! gives EIO. The cameras go on at the other, and what is missing is a gap with a reason.

use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::geteuid;

use crate::harness::alerts::fires;
use crate::harness::api::Client;
use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::media::run;
use crate::harness::mounts::{can_mount, namespace};

const CAMERAS: [&str; 4] = ["vol-1", "vol-2", "vol-3", "vol-4"];
const PATIENCE: Duration = Duration::from_secs(40);
/// What a camera may lose when its volume gives up: what waited to be written.
const LOSS_SECONDS_MAX: f64 = 2.0;

/// An appliance in a mount namespace, and its cameras.
struct Site {
    appliance: Appliance,
    operator: Client,
    _cameras: SimCameras,
}

impl Site {
    /// `mounts` is run by a shell in the appliance's folder before it starts.
    fn start(mounts: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("unshare");
        command.args(namespace()).args(["--propagation", "private", "sh", "-ec"]);
        command.arg(format!("cd {}\n{mounts}\nexec \"$0\" \"$@\"", dir.path().display())).arg(SLUICE);
        let settings =
            ["recorder.path=[\"one\", \"two\"]", "recorder.free_bytes_min=0B", "recorder.segment_duration=2s"];
        let appliance = Appliance::start_by(dir, command, &settings);
        let cameras = SimCameras::start(CAMERAS.len());
        for (number, camera) in (1..).zip(CAMERAS) {
            appliance.add_camera(camera, &cameras.url(number));
        }
        CAMERAS.iter().for_each(|camera| appliance.wait_for_camera(camera));
        let operator = appliance.login("operator");
        let site = Self { appliance, operator, _cameras: cameras };
        eventually("recordings on both", PATIENCE, || (site.files("one") > 0 && site.files("two") > 0).then_some(()));
        site
    }

    /// Runs a shell command where the appliance sees its volumes.
    fn inside(&self, command: &str) -> Output {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.appliance.id().to_string(), "--mount"]);
        if !geteuid().is_root() {
            enter.args(["--user", "--preserve-credentials"]);
        }
        run(enter.args(["sh", "-ec"]).arg(format!("cd {}\n{command}", self.appliance.dir().display())))
    }

    fn must(&self, command: &str) -> String {
        let output = self.inside(command);
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn files(&self, volume: &str) -> usize {
        let found = self.inside(&format!("find {volume} -name '*.mp4' | wc -l"));
        String::from_utf8_lossy(&found.stdout).trim().parse().unwrap_or(0)
    }

    fn state(&self, volume: &str, state: &str) -> bool {
        let path = self.appliance.dir().join(volume);
        let line = format!("sluice_volume_state{{state=\"{state}\",volume=\"{}\"}}", path.display());
        self.appliance.metric(&line) == Some(1.0)
    }

    /// End of the camera's recording, and the seconds that are missing in it with their reasons.
    fn recorded(&self, camera: &str) -> (String, Vec<(f64, String)>) {
        let (status, timeline) = self.operator.get(&format!("/api/v1/cameras/{camera}/timeline"));
        assert_eq!(status, 200, "{timeline}");
        let end = timeline["items"].as_array().and_then(|items| items.last()).map(|item| item["end"].to_string());
        let instant = |text: &serde_json::Value| -> jiff::Timestamp {
            text.as_str().and_then(|text| text.parse().ok()).expect("an instant")
        };
        let gap = |gap: &serde_json::Value| {
            let seconds = instant(&gap["end"]).duration_since(instant(&gap["start"])).as_secs_f64();
            (seconds, gap["reason"].as_str().expect("a reason").to_owned())
        };
        let gaps = timeline["gaps"].as_array().expect("gaps").iter().map(gap);
        (end.unwrap_or_default(), gaps.filter(|(_, reason)| reason != "connecting").collect())
    }

    /// All cameras go on for a few segments, and on `kept` alone.
    fn go_on_at(&self, kept: &str, left: &str) {
        let before = (self.files(kept), CAMERAS.map(|camera| self.recorded(camera).0));
        eventually("all cameras go on", PATIENCE, || {
            let moved = CAMERAS.iter().zip(&before.1).all(|(camera, end)| self.recorded(camera).0 != *end);
            (moved && self.files(kept) >= before.0 + 2 * CAMERAS.len()).then_some(())
        });
        let there = self.files(left);
        eventually("and nothing comes to the other", PATIENCE, || {
            (self.files(kept) >= before.0 + 3 * CAMERAS.len()).then_some(())
        });
        assert_eq!(self.files(left), there, "{left}");
    }

    /// No camera has lost more than what waited, each time; every gap says why.
    fn lost_little(&self, reasons: &[&str]) {
        for camera in CAMERAS {
            let (_, gaps) = self.recorded(camera);
            for (seconds, reason) in &gaps {
                assert!(*seconds <= LOSS_SECONDS_MAX && reasons.contains(&reason.as_str()), "{camera}: {gaps:?}");
            }
        }
    }
}

#[test]
fn cameras_go_on_past_a_full_a_read_only_and_an_unmounted_volume() {
    if !can_mount() {
        return;
    }
    let site = Site::start(
        "mkdir one two real\nmount -t tmpfs -o size=200m one real\nmount --bind real one\nmount -t tmpfs -o size=200m two two",
    );
    // Full: what is there stays, the cameras go on at the other, and it is no damage.
    // What was set aside for its open files is given back when they end, and must be taken too: it is filled until the test says so.
    site.must(
        "touch filling\n(n=0; while [ -e filling ]; do n=$((n+1)); dd if=/dev/zero of=one/filler-$n bs=64k 2>/dev/null || :; sleep 0.1; \
         done) >/dev/null 2>&1 </dev/null &",
    );
    eventually("it is full", PATIENCE, || (site.must("stat -f -c %a one") == "0").then_some(()));
    site.go_on_at("two", "one");
    assert!(site.state("one", "ready") && site.state("two", "ready"));
    site.lost_little(&["disk_full"]);
    site.must("rm filling; sleep 0.5; rm one/filler*");
    let there = site.files("one");
    eventually("recordings on both again", PATIENCE, || (site.files("one") > there + 1).then_some(()));

    // Read-only.
    site.must("mount --bind real one\nmount -o remount,bind,ro one");
    eventually("it is noticed", PATIENCE, || site.state("one", "failed").then_some(()));
    site.go_on_at("two", "one");
    assert!(site.state("one", "failed"), "it can be read all the while");
    site.must("umount one");
    eventually("it is taken back", PATIENCE, || site.state("one", "ready").then_some(()));

    // Unmounted under load: the folder beneath it is not written to.
    site.must("umount -l one");
    eventually("it is noticed", PATIENCE, || site.state("one", "away").then_some(()));
    site.go_on_at("two", "one");
    assert_eq!(site.must("ls -A one"), "", "nothing is written under the mount");
    site.must("mount --bind real one");
    eventually("it is taken back", PATIENCE, || site.state("one", "ready").then_some(()));
    site.lost_little(&["disk_full", "volume_failed", "no_frames", "volume_away"]);
    end_clean(site);
}

/// One volume is ext4 of these features, on a disk that gives errors once `beneath` is full; none, and said, where there is no such thing.
fn on_a_faulty_disk(features: &str) -> Option<Site> {
    if !geteuid().is_root() || !can_mount() {
        eprintln!("NOT RUN: a loop device is root's");
        return None;
    }
    let probe =
        Command::new("unshare").args(["--mount", "sh", "-ec"]).arg("losetup -f && test -e $(losetup -f)").output();
    if !probe.is_ok_and(|out| out.status.success()) {
        eprintln!("NOT RUN: no loop device here");
        return None;
    }
    // A disk on a file that runs out of room: the file system on it sees EIO, or no room where it has plenty.
    Some(Site::start(&format!(
        "mkdir one two beneath\nmount -t tmpfs -o size=40m beneath beneath\ntruncate -s 512M beneath/disk\n\
         mkfs.ext4 -q {features} beneath/disk\nmount -o loop beneath/disk one\nmount -t tmpfs -o size=400m two two"
    )))
}

#[test]
fn cameras_go_on_past_a_disk_that_gives_errors() {
    let Some(site) = on_a_faulty_disk("-O ^has_journal") else { return };
    assert!(!fires(&site.appliance, "SluiceVolumeDown"));
    site.inside("dd if=/dev/zero of=beneath/filler bs=1M 2>/dev/null");
    eventually("it is noticed", PATIENCE, || site.state("one", "failed").then_some(()));
    assert!(fires(&site.appliance, "SluiceVolumeDown"));
    site.go_on_at("two", "one");
    site.lost_little(&["volume_failed"]);
    site.must("rm beneath/filler");
    eventually("it is taken back", PATIENCE, || site.state("one", "ready").then_some(()));
    end_clean(site);
}

#[test]
fn cameras_go_on_past_a_file_system_that_turned_read_only() {
    // A journal that cannot be written ends all writing, that of open files, too.
    let Some(site) = on_a_faulty_disk("-e remount-ro -J size=4") else { return };
    site.inside("dd if=/dev/zero of=beneath/filler bs=1M 2>/dev/null");
    eventually("it is read-only", PATIENCE, || {
        let touched = site.inside("touch one/touched");
        String::from_utf8_lossy(&touched.stderr).contains("Read-only file system").then_some(())
    });
    eventually("it is noticed", PATIENCE, || site.state("one", "failed").then_some(()));
    site.go_on_at("two", "one");
    site.lost_little(&["volume_failed"]);
    // As an operator mends it.
    site.must("rm beneath/filler");
    eventually("nothing holds it", PATIENCE, || site.inside("umount one").status.success().then_some(()));
    let mended = site.inside("e2fsck -fy beneath/disk");
    assert!(matches!(mended.status.code(), Some(0..=2)), "{}", String::from_utf8_lossy(&mended.stdout));
    site.must("mount -o loop beneath/disk one");
    eventually("it is taken back", PATIENCE, || site.state("one", "ready").then_some(()));
    end_clean(site);
}

/// It stops in order, and index and files agree on what is left.
fn end_clean(mut site: Site) {
    let dir = site.appliance.dir().display().to_string();
    // The process is the namespace: the check runs in it, beside the appliance.
    let check = format!("{SLUICE} check --data {dir} --depth structure");
    // Whatever befell the volumes: nothing was taken off them to make room.
    let deleted = site
        .appliance
        .metrics()
        .lines()
        .any(|line| line.starts_with("sluice_recorder_deletions_total{") && !line.ends_with(" 0"));
    assert!(!deleted, "recordings are far below their floor");
    let checked = site.inside(&check);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert_eq!(site.appliance.stop(), Some(0));
}
