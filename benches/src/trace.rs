//! Leaked copies: each of N sessions is saved by an ffmpeg of its own, and `sluice trace` must name every one from its file,
//! none from what the camera itself sent, and refuse a mark with a changed byte.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::appliance::{Appliance, cameras};
use crate::report::Report;

/// Begins each mark's text, by which a byte of it is found and changed.
const MARK: &[u8] = &media::mark::UUID;

/// What is done.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    #[arg(long, default_value_t = 4)]
    cameras: usize,
    /// Copies made at once.
    #[arg(long, default_value_t = 25)]
    at_once: usize,
    /// Length of each copy.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

struct Copy {
    session: Value,
    file: PathBuf,
}

/// Prints one line, writes `trace.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (_sim, address) = cameras(sluice, plan.cameras, None)?;
    let appliance = Appliance::start(sluice, &[])?;
    appliance.add_cameras(&address, plan.cameras)?;
    appliance.wait_for_cameras(plan.cameras, 60)?;
    let operator = appliance.login("operator")?;
    let copies: Vec<Copy> = (0..plan.sessions)
        .map(|n| {
            let body = appliance.session(&format!("bench-{}", 1 + n % plan.cameras));
            let session = appliance.call("/api/v1/sessions", &operator, &body)?;
            Ok(Copy { session, file: dir.path().join(format!("copy-{n}.mp4")) })
        })
        .collect::<anyhow::Result<_>>()?;
    for some in copies.chunks(plan.at_once) {
        save_all(some, plan.seconds)?;
    }
    let began = Instant::now();
    let mut named = 0;
    for copy in &copies {
        named += usize::from(names(sluice, &appliance, copy)?);
    }
    let each_ms = began.elapsed().as_secs_f64() * 1e3 / copies.len().max(1) as f64;
    let first = copies.first().context("at least one session")?;
    let changed = refuses_a_changed_mark(sluice, &appliance, first)?;
    let unmarked = dir.path().join("unmarked.mp4");
    save(&format!("rtsp://{address}/cam/1"), &unmarked, plan.seconds)?;
    let found_in_unmarked = marks(&trace(sluice, &appliance, &unmarked)?);
    println!(
        "{named} of {} sessions named, {each_ms:.0} ms a file; a changed mark refused: {changed}; marks in an unmarked copy: {found_in_unmarked}",
        copies.len(),
    );
    report.write(
        "trace",
        &[json!({"sessions": copies.len(), "named": named, "ms_per_file": each_ms, "changed_mark_refused": changed,
            "marks_in_unmarked": found_in_unmarked})],
    )
}

fn save_all(copies: &[Copy], seconds: u32) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let saving: Vec<_> = copies
            .iter()
            .map(|copy| {
                scope.spawn(move || {
                    let url = copy.session["urls"]["rtsp"].as_str().context("the session has an RTSP URL")?;
                    save(url, &copy.file, seconds)
                })
            })
            .collect();
        saving.into_iter().try_for_each(|one| one.join().ok().context("the thread of a copy ended")?)
    })
}

/// As a viewer would keep it.
fn save(url: &str, file: &Path, seconds: u32) -> anyhow::Result<()> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url])
        .args(["-t", &seconds.to_string(), "-map", "0:v", "-c", "copy", "-y"])
        .arg(file)
        .output()
        .context("ffmpeg keeps a copy: install the package ffmpeg")?;
    if !output.status.success() {
        bail!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn trace(sluice: &Path, appliance: &Appliance, file: &Path) -> anyhow::Result<Value> {
    let output =
        Command::new(sluice).arg("trace").arg(file).args(["--json", "--data"]).arg(appliance.dir()).output()?;
    serde_json::from_slice(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// This session and no other.
fn names(sluice: &Path, appliance: &Appliance, copy: &Copy) -> anyhow::Result<bool> {
    let said = trace(sluice, appliance, &copy.file)?;
    let sessions = said["sessions"].as_array().map_or(&[][..], Vec::as_slice);
    let its_own = |found: &Value| found["opening"]["record"]["session"] == copy.session["id"];
    Ok(sessions.len() == 1 && sessions.iter().all(its_own) && said["refused"]["marks"] == 0)
}

fn marks(said: &Value) -> u64 {
    let sessions = said["sessions"].as_array().map_or(&[][..], Vec::as_slice);
    sessions.iter().filter_map(|s| s["marks"].as_u64()).sum::<u64>() + said["refused"]["marks"].as_u64().unwrap_or(0)
}

fn refuses_a_changed_mark(sluice: &Path, appliance: &Appliance, copy: &Copy) -> anyhow::Result<bool> {
    let mut bytes = std::fs::read(&copy.file)?;
    let first = bytes.windows(MARK.len()).position(|window| window == MARK).context("the copy has a mark")?;
    let character = bytes.get_mut(first + MARK.len() + 20).context("the mark has a text")?;
    *character = if *character == b'A' { b'B' } else { b'A' };
    let changed = copy.file.with_extension("changed");
    std::fs::write(&changed, bytes)?;
    Ok(trace(sluice, appliance, &changed)?["refused"]["marks"] == 1)
}
