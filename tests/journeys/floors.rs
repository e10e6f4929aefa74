//! Retention under pressure, on two file systems that are too small: nothing below a floor and nothing held is deleted, also where not
//! even the floors fit; each deletion is on the ledger, each file is as it was sealed, and the attestation says what is there. The day
//! is made to end by a clock that is ahead at the second start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::alerts::fires;
use crate::harness::api::{Client, from_now};
use crate::harness::appliance::{Appliance, SLUICE, camera};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::media::{faults, ffmpeg_plays_out, make_clip, run, segments};
use crate::harness::mounts::{Mounts, can_mount};

/// Cameras with their class, and how long the law wants their recordings here.
const CAMERAS: [(&str, &str, f64); 5] = [
    ("floor-key", "key_target", 16.0),
    ("floor-held", "ordinary", 8.0),
    ("floor-ordinary", "ordinary", 8.0),
    ("floor-own-1", "voluntary", 0.0),
    ("floor-own-2", "voluntary", 0.0),
];
const HELD: &str = "floor-held";
/// 4 Mbit/s: a volume is filled within seconds.
const CLIP: &str = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=12,noise=alls=20:allf=t -c:v libx264 -preset veryfast \
    -bf 0 -g 25 -sc_threshold 0 -b:v 4M -minrate 4M -maxrate 4M -bufsize 4M -pix_fmt yuv420p";
/// Each camera sets 8 MiB aside at its open file, and what comes between two sweeps must find room. What is left is filled within the
/// floors and a little more.
const SETTINGS: [&str; 9] = [
    "recorder.path=[\"one\", \"two\"]",
    "recorder.segment_duration=1s",
    "recorder.free_bytes_min=20MiB",
    "retention.floor=8s",
    "retention.key_target_floor=16s",
    "retention.key_target_ceiling=1d",
    "retention.ceiling=1d",
    "retention.assumed_bitrate=8Mbit",
    "login.idle=3h",
];
/// A disk of its own where there are such, and memory where not.
const VOLUMES: &str = "mkdir one two\ntruncate -s 62M disk\nmkfs.ext4 -q -m 0 -O ^has_journal disk\n\
    { [ \"$(id -u)\" = 0 ] && mount -o loop disk one 2>/dev/null; } || mount -t tmpfs -o size=60m one one\n\
    mount -t tmpfs -o size=60m two two";
/// More than a volume lacks for a moment between two sweeps.
const SHORT_BYTES: f64 = 4e6;
/// What may be missing between two recordings without being a gap.
const HOLE_SECONDS_MAX: f64 = 2.0;
/// By then what a camera sent is in its timeline, or its silence is.
const LAG_SECONDS_MAX: f64 = 7.0;
const PATIENCE: Duration = Duration::from_secs(90);
/// A day is attested when its last five minutes are told of for certain.
const ATTESTED_AFTER_SECONDS: f64 = 300.0;
const MICROS: f64 = 1e6;

/// Microseconds since 1970.
type Micros = i64;

#[test]
fn full_volumes_break_no_floor_and_no_hold_and_the_attestation_says_what_is_there() {
    if !can_mount() {
        return;
    }
    let mut site = Site::start();
    let held = site.hold();
    site.fills_and_gives(held);
    site.stops_what_the_law_does_not_want(held);
    site.goes_on();
    assert_eq!(site.appliance.stop(), Some(0));
    let stopped = now();
    site.cameras.kill();
    let dir = site.appliance.dir().to_owned();
    let check = run(site.mounts.command(SLUICE).arg("check").arg("--data").arg(&dir).args(["--depth", "hash"]));
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));

    site.start_when_the_day_is_over();
    let ledger = site.ledger();
    ledger.tells_of_each_file(&site.files(), held);
    site.plays(held, stopped);
    for (name, class, _) in CAMERAS {
        site.is_attested(name, class, &ledger);
    }
    assert!(fires(&site.appliance, "SluiceFloorBroken"), "that of the key target was raised when it was gone");
    assert_eq!(site.appliance.stop(), Some(0));
}

/// The appliance, its volumes and its cameras.
struct Site {
    appliance: Appliance,
    operator: Client,
    auditor: Client,
    mounts: Mounts,
    cameras: SimCameras,
    /// When the site's day ends.
    midnight: Micros,
    zone: String,
}

impl Site {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mounts = Mounts::make(dir.path(), VOLUMES);
        let (zone, midnight) = zone_whose_day_ends_soon();
        let settings = SETTINGS.into_iter().chain([zone.as_str()]).collect::<Vec<_>>();
        let appliance = Appliance::start_by(dir, mounts.command(SLUICE), &settings);
        let clip = appliance.dir().join("clip.mp4");
        make_clip(&clip, CLIP);
        let cameras = SimCameras::start_with(&clip, CAMERAS.len());
        let keeper = appliance.login("catalogue_admin");
        for (number, (name, class, _)) in (1..).zip(CAMERAS) {
            let mut entry = camera(name, &cameras.url(number));
            entry["retention_class"] = class.into();
            keeper.create("/api/v1/cameras", &entry);
        }
        let (operator, auditor) = (appliance.login("operator"), appliance.login("audit_admin"));
        Self { appliance, operator, auditor, mounts, cameras, midnight, zone }
    }

    /// Five seconds of the first recordings of a camera, from some time after its beginning.
    fn hold(&self) -> [Micros; 2] {
        let lasts = |items: &[[jiff::Timestamp; 2]]| {
            items.first().zip(items.last()).is_some_and(|(first, last)| last[1].duration_since(first[0]).as_secs() >= 8)
        };
        let first = self.appliance.once_recorded(&self.operator, HELD, lasts)[0][0];
        let [from, to] = [2, 7].map(|seconds| first + jiff::SignedDuration::from_secs(seconds));
        let hold = json!({"camera": HELD, "from": from.to_string(), "to": to.to_string(), "reason": "evidence"});
        self.operator.create("/api/v1/holds", &hold);
        [from.as_microsecond(), to.as_microsecond()]
    }

    fn timeline(&self, camera: &str) -> Timeline {
        let (status, timeline) = self.operator.get(&format!("/api/v1/cameras/{camera}/timeline"));
        assert_eq!(status, 200, "{timeline}");
        Timeline::read(&timeline)
    }

    /// Whatever is younger than its floor is there or has a reason, and what is held is there.
    fn keeps_what_it_must(&self, held: [Micros; 2]) {
        for (camera, _, floor) in CAMERAS {
            let timeline = self.timeline(camera);
            let Some(began) = timeline.began() else { continue };
            let now = now();
            let since = (now - micros(floor)).max(began);
            let account = timeline.account([since, now - micros(LAG_SECONDS_MAX)]);
            assert!(
                account.unexplained == 0 && !account.gaps.contains_key("deleted"),
                "{camera}, of the last {floor} s: {account:?}\n{timeline:#?}"
            );
        }
        let account = self.timeline(HELD).account(held);
        assert_eq!(account.covered(), held[1] - held[0], "what is held: {account:?}");
    }

    /// The volumes are full, and of each camera something had to go.
    fn fills_and_gives(&self, held: [Micros; 2]) {
        eventually("each camera has given something", PATIENCE, || {
            self.keeps_what_it_must(held);
            CAMERAS.iter().all(|(camera, ..)| self.timeline(camera).has_gap("deleted")).then_some(())
        });
        assert_eq!(self.appliance.metric("sluice_recorder_paused_cameras"), Some(0.0), "the floors fit");
        assert!(!fires(&self.appliance, "SluiceRetentionEarly"));
        for (camera, ..) in CAMERAS {
            assert!(!self.timeline(camera).has_gap("disk_full"), "{camera}: the floors fit");
        }
    }

    /// Somebody fills the disks: what the law does not want is not recorded any more, and the floors stand.
    fn stops_what_the_law_does_not_want(&self, held: [Micros; 2]) {
        self.mounts.must("for volume in one two; do dd if=/dev/zero of=$volume/filler bs=64k 2>/dev/null || :; done");
        eventually("what the law does not want is stopped", PATIENCE, || {
            self.keeps_what_it_must(held);
            (self.appliance.metric("sluice_recorder_paused_cameras")? > 0.5 && self.is_short()).then_some(())
        });
        assert!(fires(&self.appliance, "SluiceVolumeShort") && fires(&self.appliance, "SluiceCamerasPaused"));
        let mut more = camera("floor-more", "rtsp://127.0.0.1:9/");
        more["retention_class"] = "key_target".into();
        let (status, refused) = self.appliance.login("catalogue_admin").post("/api/v1/cameras", &more);
        assert_eq!((status, &refused["code"]), (409, &json!("RETENTION_CAPACITY")), "{refused}");
        let stopped = |voluntary: bool| {
            let of = CAMERAS.iter().filter(|(_, class, _)| (*class == "voluntary") == voluntary);
            of.filter(|(camera, ..)| self.timeline(camera).has_gap("no_room")).count()
        };
        eventually("the timeline tells of it", PATIENCE, || (stopped(true) > 0).then_some(()));
        assert_eq!(stopped(false), 0, "none that the law wants");
        self.keeps_what_it_must(held);
    }

    /// A volume is so full that what may be deleted makes by far not the room that is to be.
    fn is_short(&self) -> bool {
        let metrics = self.appliance.metrics();
        let short = metrics.lines().filter(|line| line.starts_with("sluice_volume_short_bytes{"));
        short.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).any(|bytes| bytes > SHORT_BYTES)
    }

    /// There is room again, for those that the law wants at once.
    fn goes_on(&self) {
        self.mounts.must("rm one/filler two/filler");
        let since = now();
        for (camera, class, _) in CAMERAS {
            let goes_on = || (self.timeline(camera).ended() > since + micros(3.0)).then_some(());
            if class != "voluntary" {
                eventually(&format!("{camera} goes on"), PATIENCE, goes_on);
            }
        }
    }

    /// The wall clock is past the site's midnight; what is to be kept of a key target is raised beyond all that was deleted.
    fn start_when_the_day_is_over(&mut self) {
        let ahead = seconds(self.midnight - now()) + ATTESTED_AFTER_SECONDS + 60.0;
        let mut command = self.mounts.command("env");
        command.arg(format!("LD_PRELOAD={}", clock_ahead(self.appliance.dir()).display()));
        command.arg(format!("CLOCK_AHEAD_SECONDS={}", ahead as i64)).arg(SLUICE);
        let changed = ["retention.key_target_floor=12h", self.zone.as_str()];
        let settings: Vec<&str> = SETTINGS.into_iter().chain(changed).collect();
        self.appliance.start_again_by(command, &settings);
        for client in [&mut self.operator, &mut self.auditor] {
            *client = client.at(self.appliance.api());
        }
        eventually("the day is attested", PATIENCE, || {
            let attested = |event: &Value| event["kind"] == "recording.attested";
            (self.auditor.ledger().iter().filter(|event| attested(event)).count() >= CAMERAS.len()).then_some(())
        });
    }

    fn ledger(&self) -> Ledger {
        // What the stop sealed is told by the next start.
        eventually("each file is on the ledger", PATIENCE, || {
            let ledger = Ledger::of(&self.auditor.ledger());
            let files = self.files();
            files.iter().all(|(path, _)| ledger.sealed.values().any(|sealed| sealed.path == *path)).then_some(ledger)
        })
    }

    /// The recordings on both volumes: the path below the volume, and where it can be read.
    fn files(&self) -> Vec<(String, PathBuf)> {
        let root = self.mounts.seen_from_outside();
        let below = |volume: &str| {
            let root = root.join(volume);
            let name =
                |file: PathBuf| (file.strip_prefix(&root).expect("below").to_str().expect("a name").to_owned(), file);
            segments(&root).into_iter().map(name).collect::<Vec<_>>()
        };
        ["one", "two"].into_iter().flat_map(below).collect()
    }

    /// The floor of each camera as it was at the stop, and what is held, picture for picture.
    fn plays(&self, held: [Micros; 2], stopped: Micros) {
        let floors = CAMERAS.iter().filter(|(.., floor)| *floor > 0.0);
        let floors = floors.map(|(camera, _, floor)| (*camera, [stopped - micros(*floor), stopped]));
        std::thread::scope(|scope| {
            for (camera, stretch) in floors.chain([(HELD, held)]) {
                scope.spawn(move || {
                    let account = self.timeline(camera).account(stretch);
                    let ends = stretch.map(|at| jiff::Timestamp::from_microsecond(at).expect("an instant"));
                    let session = self.appliance.recorded(&self.operator, camera, "playback", ends);
                    let (frames, said) = ffmpeg_plays_out(session["urls"]["hls"].as_str().expect("an HLS URL"), &[]);
                    assert_eq!(faults(&said), Vec::<&str>::new(), "{camera}");
                    // It begins with the keyframe before, and the last pieces reach beyond.
                    let wanted = seconds(account.recorded) * 25.0;
                    assert!(
                        frames as f64 >= wanted - 2.0 && (frames as f64) < wanted + 150.0,
                        "{camera}: {frames} of {wanted}\n{account:?} {stretch:?}\n{:#?}",
                        self.timeline(camera)
                    );
                });
            }
        });
    }

    fn is_attested(&self, camera: &str, class: &str, ledger: &Ledger) {
        let said = &ledger.attested[camera];
        let [from, to] = ["from", "to"].map(|end| instant(&said[end]));
        assert_eq!(to, self.midnight, "{said}");
        let timeline = self.timeline(camera);
        let account = timeline.account([from, to]);
        let near = |a: f64, b: f64| (a - b).abs() < 0.1;
        let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{said}"));
        assert!(near(number(&said["covered_seconds"]), seconds(account.covered())), "{camera}: {said}\n{account:?}");
        let told = || ledger.deleted.iter().filter(|(key, _)| key.0 == camera).collect::<Vec<_>>();
        assert_eq!(number(&said["unexplained_seconds"]), 0.0, "{camera}: {said}\n{timeline:?}\n{:?}", told());
        let told = said["gap_seconds"].as_object().expect("gaps");
        let same = told.iter().all(|(reason, gone)| near(number(gone), account.seconds_of(reason)));
        assert!(same && told.len() == account.gaps.len(), "{camera}: {said}\n{account:?}");
        // And what the ledger itself says of files that are there and of those that are gone.
        let there = ledger.seconds_of(camera, |key| !ledger.deleted.contains_key(key));
        let gone = ledger.seconds_of(camera, |key| ledger.deleted.contains_key(key));
        assert!((number(&said["covered_seconds"]) - there).abs() < HOLE_SECONDS_MAX, "{camera}: {said}, {there} s");
        assert!((account.seconds_of("deleted") - gone).abs() < HOLE_SECONDS_MAX, "{camera}: {said}, {gone} s");
        let lost = if class == "key_target" { account.seconds_of("deleted") } else { 0.0 };
        assert!(near(number(&said["lost_seconds"]), lost), "{camera}: {said}");
        assert_eq!(said["floor_met"], lost == 0.0, "{camera}: {said}");
        let (status, report) = self.auditor.get(&format!("/api/v1/reports/retention?camera={camera}"));
        let row = &report["items"][0];
        assert_eq!(
            (status, &row["covered_seconds"], &row["gap_seconds"]),
            (200, &said["covered_seconds"], &said["gap_seconds"])
        );
    }
}

/// Recorded and missing stretches of a camera, as its timeline has them.
#[derive(Debug)]
struct Timeline {
    items: Vec<[Micros; 2]>,
    gaps: Vec<([Micros; 2], String)>,
}

/// What of a stretch is recorded, what is not by reason, and what nobody speaks of.
#[derive(Debug, Default)]
struct Account {
    recorded: Micros,
    /// In holes that are too short to be gaps.
    short: Micros,
    gaps: BTreeMap<String, Micros>,
    unexplained: Micros,
}

impl Timeline {
    fn read(timeline: &Value) -> Self {
        let ends = |of: &Value| [instant(&of["start"]), instant(&of["end"])];
        let reason = |gap: &Value| gap["reason"].as_str().expect("a reason").to_owned();
        let list = |name: &str| timeline[name].as_array().expect("a list").clone();
        Self {
            items: list("items").iter().map(ends).collect(),
            gaps: list("gaps").iter().map(|gap| (ends(gap), reason(gap))).collect(),
        }
    }

    /// When its first recording began, whether or not it is still there.
    fn began(&self) -> Option<Micros> {
        let recorded = self.gaps.iter().filter(|(_, reason)| reason == "deleted").map(|(ends, _)| ends[0]);
        recorded.chain(self.items.first().map(|item| item[0])).min()
    }

    fn ended(&self) -> Micros {
        self.items.last().map_or(0, |item| item[1])
    }

    fn has_gap(&self, reason: &str) -> bool {
        self.gaps.iter().any(|(_, found)| found == reason)
    }

    fn account(&self, [from, to]: [Micros; 2]) -> Account {
        let (mut at, mut holes, mut account) = (from, Vec::new(), Account::default());
        for [start, end] in &self.items {
            let (start, end) = ((*start).max(at), (*end).min(to));
            if start < end {
                holes.push([at, start]);
                account.recorded += end - start;
                at = end;
            }
        }
        holes.push([at, to]);
        for [mut at, to] in holes {
            for ([start, end], reason) in &self.gaps {
                let (start, end) = ((*start).max(at), (*end).min(to));
                if start < end {
                    account.hole(start - at);
                    *account.gaps.entry(reason.clone()).or_default() += end - start;
                    at = end;
                }
            }
            account.hole(to - at);
        }
        account
    }
}

impl Account {
    fn covered(&self) -> Micros {
        self.recorded + self.short
    }

    fn hole(&mut self, length: Micros) {
        if length <= micros(HOLE_SECONDS_MAX) {
            self.short += length.max(0);
        } else {
            self.unexplained += length;
        }
    }

    fn seconds_of(&self, reason: &str) -> f64 {
        seconds(self.gaps.get(reason).copied().unwrap_or_default())
    }
}

/// A recording by its camera and its beginning.
type Key = (String, Micros);

/// What was sealed.
struct Sealed {
    path: String,
    end: Micros,
    bytes: u64,
    blake3: String,
}

/// What the ledger says of recordings.
struct Ledger {
    sealed: BTreeMap<Key, Sealed>,
    /// With when.
    deleted: BTreeMap<Key, (Micros, Value)>,
    attested: BTreeMap<String, Value>,
}

impl Ledger {
    fn of(events: &[Value]) -> Self {
        let (mut sealed, mut deleted, mut attested) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{value}"));
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
        for event in events {
            let detail = &event["detail"];
            let camera = || text(&event["object"]).trim_start_matches("camera/").to_owned();
            match event["kind"].as_str() {
                Some("segment.sealed") => {
                    for one in detail["segments"].as_array().expect("segments") {
                        let (end, bytes) = (number(&one["end_micros"]), one["bytes"].as_u64().expect("bytes"));
                        let found = Sealed { path: text(&one["path"]), end, bytes, blake3: text(&one["blake3"]) };
                        sealed.insert((text(&one["camera"]), number(&one["start_micros"])), found);
                    }
                }
                Some("segment.deleted") => {
                    let key = (camera(), number(&detail["start_micros"]));
                    let twice = deleted.insert(key, (instant(&event["at"]), detail.clone()));
                    assert!(twice.is_none(), "deleted twice: {event}");
                }
                Some("recording.attested") => assert!(attested.insert(camera(), detail.clone()).is_none(), "{event}"),
                _ => {}
            }
        }
        Self { sealed, deleted, attested }
    }

    /// Each recording that was ever sealed is on a volume as it was then, or was deleted above its floor.
    fn tells_of_each_file(&self, files: &[(String, PathBuf)], held: [Micros; 2]) {
        let there: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        for (key, sealed) in &self.sealed {
            let gone = self.deleted.contains_key(key);
            assert_ne!(gone, there.contains(sealed.path.as_str()), "{key:?} {}", sealed.path);
        }
        for ((camera, start), (at, detail)) in &self.deleted {
            let sealed = self.sealed.get(&(camera.clone(), *start));
            let sealed =
                sealed.unwrap_or_else(|| panic!("{camera}: deleted and never told of as sealed: {detail} at {at}"));
            assert_eq!(
                (detail["end_micros"].as_i64(), detail["bytes"].as_u64()),
                (Some(sealed.end), Some(sealed.bytes))
            );
            let (.., floor) = CAMERAS.iter().find(|(name, ..)| name == camera).expect("a camera of this site");
            assert!(at - sealed.end >= micros(*floor), "{camera}: deleted below its floor: {detail} at {at}");
            let is_held = camera == HELD && *start < held[1] && held[0] < sealed.end;
            assert!(!is_held, "held and deleted: {detail}");
        }
        let by_path: BTreeMap<&str, &Sealed> =
            self.sealed.values().map(|sealed| (sealed.path.as_str(), sealed)).collect();
        for (path, file) in files {
            let (bytes, sealed) = (std::fs::read(file).expect("a recording"), by_path[path.as_str()]);
            let found = (bytes.len() as u64, blake3::hash(&bytes).to_hex().to_string());
            assert_eq!(found, (sealed.bytes, sealed.blake3.clone()), "{path}");
        }
    }

    fn seconds_of(&self, camera: &str, which: impl Fn(&Key) -> bool) -> f64 {
        let of = self.sealed.iter().filter(|(key, _)| key.0 == camera && which(key));
        of.map(|(key, sealed)| seconds(sealed.end - key.1)).sum()
    }
}

/// The setting of a zone where midnight is at the next full hour that this journey does not reach, and that midnight.
fn zone_whose_day_ends_soon() -> (String, Micros) {
    const HOUR: Micros = 3_600_000_000;
    let hour = (now() + micros(600.0)) / HOUR + 1;
    // The names of these zones have the sign of ships' clocks.
    let zone = match hour % 24 {
        west @ 0..=12 => format!("Etc/GMT+{west}"),
        east => format!("Etc/GMT-{}", 24 - east),
    };
    (format!("api.time_zone=\"{zone}\""), hour * HOUR)
}

/// A library that sets the clock of the process it is loaded into.
fn clock_ahead(dir: &Path) -> PathBuf {
    let library = dir.join("clock_ahead.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/clock_ahead.c");
    let made = run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source));
    assert!(made.status.success(), "cc: {}", String::from_utf8_lossy(&made.stderr));
    library
}

fn instant(text: &Value) -> Micros {
    let at: Option<jiff::Timestamp> = text.as_str().and_then(|text| text.parse().ok());
    at.unwrap_or_else(|| panic!("no instant: {text}")).as_microsecond()
}

fn now() -> Micros {
    from_now(0.0).as_microsecond()
}

fn micros(seconds: f64) -> Micros {
    (seconds * MICROS) as Micros
}

fn seconds(micros: Micros) -> f64 {
    micros as f64 / MICROS
}
