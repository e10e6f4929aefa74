//! How long a viewer waits for a recording: N cameras with D days behind them, as rows of the real index, and files for the
//! instants that are asked for. From the request for a session to the first byte of its first piece by HLS, or to its first packet by RTSP, and what timelines take.
//! The other rows are of a volume that is not there: their files are never looked at, and they are as many as they would be. Cold is
//! with nothing of index and recordings in the page cache: it is let go before each request.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use media::id::CameraId;
use media::wall::{Clock, Wall};
use recorder::index::{Changes, Index};
use recorder::segment::{self, Piece, Segment, VolumeId};
use rustix::fs::{Advice, fadvise};
use serde_json::{Value, json};

use crate::appliance::{Appliance, cameras};
use crate::report::{Report, percentile};
use crate::rtsp;

/// Of the volume that is not there.
const ELSEWHERE: VolumeId = VolumeId(0xffff_fffe);
/// Fragments of a minute, as the recorder's visits make them.
const FRAGMENTS: usize = 86;
/// Where the time stands in a fragment, which begins with its prft box.
const PRFT_NTP_AT: usize = 16;
const MINUTE: Duration = Duration::from_secs(60);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 200)]
    cameras: usize,
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Instants that are asked for.
    #[arg(long, default_value_t = 500)]
    seeks: usize,
}

/// The system's clock, which here tells where the past is.
pub(crate) struct Now;

impl Clock for Now {
    fn wall(&self) -> Wall {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Wall::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Prints the figures, writes `seek.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let appliance = Appliance::start(sluice, &["recorder.segment_duration=10s".to_owned()])?;
    let (_sim, address) = cameras(sluice, 1, None)?;
    appliance.add_cameras(&address, 1)?;
    appliance.wait_for_cameras(1, 30)?;
    std::thread::sleep(Duration::from_secs(25));
    appliance.add_more_cameras(plan.cameras)?;
    let dir = appliance.stop()?;
    let began = Instant::now();
    let asked = fill(dir.path(), plan)?;
    println!(
        "{} cameras x {} days: {} rows in {:.0} s",
        plan.cameras,
        plan.days,
        plan.cameras as u64 * u64::from(plan.days) * 1440,
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let appliance = Appliance::start_in(dir, sluice, &[])?;
    let start = began.elapsed().as_secs_f64();
    println!("start on it: {start:.1} s");
    let mut rows = vec![json!({"cameras": plan.cameras, "days": plan.days, "start_seconds": start})];
    let mut row = |name: &str, times: &[f64]| {
        let (p50, p99) = (percentile(times, 0.5) * 1e3, percentile(times, 0.99) * 1e3);
        println!("{name:<44} p50 {p50:>8.1} ms   p99 {p99:>8.1} ms");
        rows.push(json!({"what": name, "p50_ms": p50, "p99_ms": p99, "count": times.len()}));
    };
    for (cold, way) in [(true, Way::Hls), (true, Way::Rtsp), (false, Way::Hls), (false, Way::Rtsp)] {
        let name = if cold { "cold" } else { "warm" };
        let what = match way {
            Way::Hls => "playlist and first byte",
            Way::Rtsp => "PLAY and first packet",
        };
        let read = read_from_disk(&appliance)?;
        let (whole, first) = seek(&appliance, &asked, way, cold)?;
        row(&format!("{name}: session, {what}"), &whole);
        row(&format!("{name}: {what}"), &first);
        let read = (read_from_disk(&appliance)? - read) / asked.len() as f64;
        println!("{:<44} {:.0} KiB a request", "  read from the disk", read / 1024.0);
    }
    row("timeline of a day", &timelines(&appliance, &asked, 1)?);
    row("timeline of a week, the most at once", &timelines(&appliance, &asked, 7)?);
    report.write("seek", &rows)
}

/// An instant of a camera, and the file that it lies in.
struct Asked {
    camera: String,
    at: Wall,
    file: PathBuf,
}

/// Rows for all minutes, and files for the instants that will be asked for, which come out.
fn fill(dir: &Path, plan: &Plan) -> anyhow::Result<Vec<Asked>> {
    let index = Index::open(&dir.join("state/recordings"))?;
    let first: CameraId = "bench-1".parse()?;
    let mut template: Option<Segment> = None;
    let length = |row: &Segment| row.end.micros_since(row.start);
    index.each_segment(&first, |_, row| {
        let longer = |row: &Segment| row.sealed && template.as_ref().is_none_or(|known| length(row) > length(known));
        if let Some(row) = row.filter(longer) {
            template = Some(row);
        }
    })?;
    let template = template.context("a sealed segment to make copies of")?;
    // An instant lies this far into its file at most, so that there is something to play.
    let into_file_micros_max = length(&template).unsigned_abs() * 4 / 5;
    let file = std::fs::read(dir.join("recordings").join(&template.path))?;
    let now = Now.wall();
    let minutes = u64::from(plan.days) * 1440;
    let mut dice = Dice(7);
    let mut asked = Vec::new();
    for _ in 0..plan.seeks {
        asked.push((dice.below(plan.cameras as u64), dice.below(minutes - 10) + 5));
    }
    asked.sort_unstable();
    asked.dedup();
    let mut instants = Vec::new();
    for camera in 0..plan.cameras as u64 {
        let id: CameraId = format!("bench-{}", camera + 1).parse()?;
        let mut changes = Changes::default();
        for minute in 0..minutes {
            let start = now - MINUTE * (minutes - minute) as u32;
            if asked.binary_search(&(camera, minute)).is_ok() {
                let row = moved(&template, &id, start)?;
                let path = dir.join("recordings").join(&row.path);
                std::fs::create_dir_all(path.parent().context("a folder")?)?;
                std::fs::write(&path, recorded_then(&file, &template, start)?)?;
                changes.put_segment(&id, &row);
                let at = start + Duration::from_micros(dice.below(into_file_micros_max));
                instants.push(Asked { camera: id.to_string(), at, file: path });
            } else {
                changes.put_segment(&id, &elsewhere(&template, &id, start)?);
            }
            if minute % 1440 == 1439 {
                index.commit(&std::mem::take(&mut changes))?;
            }
        }
        index.commit(&changes)?;
    }
    // In no order of the disk.
    let mut shuffled = Vec::new();
    while !instants.is_empty() {
        let place = dice.below(instants.len() as u64) as usize;
        shuffled.push(instants.swap_remove(place));
    }
    Ok(shuffled)
}

/// The template as if it had been recorded then.
fn moved(template: &Segment, camera: &CameraId, start: Wall) -> anyhow::Result<Segment> {
    let by = start.micros_since(template.start);
    let then = |at: Wall| Wall::from_micros(at.micros() + by);
    let mut row = template.clone();
    row.path = segment::path(camera, start, 0).context("a path")?;
    (row.start, row.end, row.note.run_origin) = (start, then(row.end), then(row.note.run_origin));
    row.fragments.iter_mut().for_each(|piece| piece.start = then(piece.start));
    Ok(row)
}

/// The file as if it had been recorded then: each fragment says when its first picture was captured (ISO/IEC 14496-12 section 8.16.5).
fn recorded_then(file: &[u8], template: &Segment, start: Wall) -> anyhow::Result<Vec<u8>> {
    let by = i128::from(start.micros_since(template.start)) * (1 << 32) / 1_000_000;
    let mut file = file.to_vec();
    for piece in &template.fragments {
        let at = usize::try_from(piece.offset)? + PRFT_NTP_AT;
        let field = file.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<8>()).context("a prft box")?;
        let then = i128::from(u64::from_be_bytes(*field)) + by;
        *field = u64::try_from(then)?.to_be_bytes();
    }
    Ok(file)
}

/// A minute on the volume that is not there.
fn elsewhere(template: &Segment, camera: &CameraId, start: Wall) -> anyhow::Result<Segment> {
    let mut row = Segment { volume: ELSEWHERE, fragments: Vec::new(), ..moved(template, camera, start)? };
    for n in 0..FRAGMENTS {
        let step = MINUTE / FRAGMENTS as u32;
        let duration_micros = i64::try_from(step.as_micros())?;
        row.add(Piece {
            offset: 800 + n as u64 * 87_654,
            bytes: 87_654,
            start: start + step * n as u32,
            duration_micros,
            keyframe: n % 3 == 0,
        });
    }
    Ok(row)
}

/// How it is played.
#[derive(Clone, Copy)]
enum Way {
    Hls,
    Rtsp,
}

/// Seconds from the request for a session, and from its answer, to the first media.
fn seek(appliance: &Appliance, asked: &[Asked], way: Way, cold: bool) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let token = appliance.login("operator")?;
    let (mut whole, mut first) = (Vec::new(), Vec::new());
    for Asked { camera, at, file } in asked {
        let mut body = appliance.session(camera);
        body["verb"] = "playback".into();
        (body["from"], body["to"]) = (stamp(*at)?.into(), stamp(*at + Duration::from_secs(30))?.into());
        if cold {
            let_go(file)?;
            let index = std::fs::read_dir(appliance.dir().join("state/recordings"))?;
            index.flatten().try_for_each(|entry| let_go(&entry.path()))?;
        }
        let began = Instant::now();
        let session = appliance.call("/api/v1/sessions", &token, &body)?;
        let granted = Instant::now();
        let urls = &session["urls"];
        match way {
            Way::Hls => by_hls(appliance, urls),
            Way::Rtsp => by_rtsp(urls, *at),
        }
        .with_context(|| format!("{camera} {at:?}"))?;
        first.push(granted.elapsed().as_secs_f64());
        whole.push(began.elapsed().as_secs_f64());
    }
    Ok((whole, first))
}

/// Playlist, and the first byte of its first piece.
fn by_hls(appliance: &Appliance, urls: &Value) -> anyhow::Result<()> {
    let hls = urls["hls"].as_str().context("an HLS URL")?;
    let playlist = appliance.text(hls)?;
    let piece = playlist.lines().find(|line| line.ends_with(".m4s")).context("no piece")?;
    let url = format!("{}/{piece}", hls.rsplit_once('/').context("a folder")?.0);
    anyhow::ensure!(!appliance.first_bytes(&url)?.is_empty(), "{url} is empty");
    Ok(())
}

/// From the connection to the first packet of the instant's picture.
fn by_rtsp(urls: &Value, at: Wall) -> anyhow::Result<()> {
    let mut opened = rtsp::open(urls["rtsp"].as_str().context("an RTSP URL")?, None)?;
    let clock = jiff::Timestamp::from_microsecond(at.micros())?.strftime("%Y%m%dT%H%M%S.%6fZ");
    opened.play_range(&format!("clock={clock}-"))?;
    let mut packet = [0; 4];
    (&opened.socket).read_exact(&mut packet)?;
    anyhow::ensure!(packet.starts_with(b"$"), "no interleaved packet: {packet:?}");
    Ok(())
}

/// Takes what is clean of a file out of the page cache.
fn let_go(file: &Path) -> anyhow::Result<()> {
    // What the index took away meanwhile is in no cache.
    let Ok(file) = File::open(file) else { return Ok(()) };
    file.sync_data()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}

/// Bytes that the appliance had to be read from a disk so far.
fn read_from_disk(appliance: &Appliance) -> anyhow::Result<f64> {
    let io = std::fs::read_to_string(format!("/proc/{}/io", appliance.id()))?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).context("no count of bytes read")?;
    Ok(bytes.trim().parse()?)
}

fn timelines(appliance: &Appliance, asked: &[Asked], days: u32) -> anyhow::Result<Vec<f64>> {
    let token = appliance.login("operator")?;
    let day = Duration::from_secs(86_400);
    let one = |Asked { camera, at, .. }: &Asked| {
        let (from, to) = (*at, *at + day * days);
        let began = Instant::now();
        appliance
            .read(&format!("/api/v1/cameras/{camera}/timeline?from={}&to={}", stamp(from)?, stamp(to)?), &token)?;
        Ok(began.elapsed().as_secs_f64())
    };
    asked.iter().take(100).map(one).collect()
}

/// RFC 3339.
pub(crate) fn stamp(at: Wall) -> anyhow::Result<String> {
    Ok(jiff::Timestamp::from_microsecond(at.micros())?.to_string())
}
