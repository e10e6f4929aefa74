//! Three years of use in a real store and a real ledger, and each report over them: its time, its bytes, and how far the
//! appliance's memory rose while it was fetched.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use control_api::ledger::{Decision, Event, Kind, Ledger};
use control_api::mint;
use control_api::stamp::Stamp;
use control_api::store::{Batch, Store};
use control_api::usage::{Medium, UsageRecord, VideoContent, record_key};
use media::wall::{Clock, Wall};
use relay::lease::{EndReason, Protocol, SessionId};
use serde_json::json;

use crate::appliance::Appliance;
use crate::report::Report;

const DAY_MICROS: i64 = 86_400_000_000;
/// Records of one commit while the store is filled.
const RECORDS_PER_COMMIT: u64 = 1_000;
/// Threads that fill the ledger: they share its syncs.
const WRITERS: u64 = 64;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 1_096)]
    days: u64,
    /// Sessions of a day.
    #[arg(long, default_value_t = 1_000)]
    sessions: u64,
    /// Refusals of a day.
    #[arg(long, default_value_t = 50)]
    refusals: u64,
    /// Deletions of a day.
    #[arg(long, default_value_t = 100)]
    deletions: u64,
    #[arg(long, default_value_t = 100)]
    cameras: usize,
}

/// The bench's own clock: the machine's.
struct Now(Instant);

impl Clock for Now {
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Fills, starts the appliance on it, fetches each report, prints a line for each, writes `years.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("sluice-bench").tempdir()?;
    let clock = Arc::new(Now(Instant::now()));
    let end = clock.wall();
    let days = i64::try_from(plan.days)?;
    let begin = Wall::from_micros(end.micros() - days * DAY_MICROS);
    let filling = Instant::now();
    fill_store(dir.path(), plan, begin)?;
    println!("{} usage records written in {:.1} s", plan.days * plan.sessions, filling.elapsed().as_secs_f64());
    let filling = Instant::now();
    fill_ledger(dir.path(), plan, begin, clock)?;
    let entries = plan.days * (plan.refusals + plan.deletions);
    println!("{entries} entries of the ledger written in {:.1} s", filling.elapsed().as_secs_f64());

    let appliance = Appliance::start_in(dir, sluice, &[])?;
    appliance.add_more_cameras(plan.cameras + 1)?;
    let (month, all) = (Stamp(Wall::from_micros(end.micros() - 31 * DAY_MICROS)), Stamp(begin));
    let token = appliance.login("audit_admin")?;
    println!("{:>44} {:>10} {:>12} {:>14} {:>14}", "report", "seconds", "bytes", "RSS before MB", "peak rose MB");
    let mut rows = Vec::new();
    for (what, query) in [
        ("usage-register of a month, first page", format!("usage-register?from={month}")),
        ("usage-register of a month, CSV", format!("usage-register?from={month}&format=csv")),
        ("usage-register of a month, XLSX", format!("usage-register?from={month}&format=xlsx")),
        ("usage-register of all years, CSV", format!("usage-register?from={all}&format=csv")),
        ("usage-register of all years, XLSX", format!("usage-register?from={all}&format=xlsx")),
        ("denials of all years, counted first", format!("denials?from={all}&format=csv")),
        ("denials of all years", format!("denials?from={all}&format=csv")),
        ("deletions of all years, CSV", format!("deletions?from={all}&format=csv")),
        ("online-rate of a month", format!("online-rate?from={month}&format=csv")),
        ("camera-status of a month", format!("camera-status?from={month}&format=csv")),
        ("catalogue", "catalogue?format=csv".to_owned()),
        ("catalogue-completeness", "catalogue-completeness?format=csv".to_owned()),
        ("catalogue-changes of all years", format!("catalogue-changes?from={all}&format=csv")),
        ("approvals-due", "approvals-due?days=366&format=csv".to_owned()),
    ] {
        let before = resident(appliance.id(), "VmRSS:")?;
        // The kernel's mark of the highest begins anew (proc(5), clear_refs).
        std::fs::write(format!("/proc/{}/clear_refs", appliance.id()), "5").context("clear_refs")?;
        let began = Instant::now();
        let bytes = appliance.drain(&format!("/api/v1/reports/{query}"), &token)?;
        let seconds = began.elapsed().as_secs_f64();
        let rose = (resident(appliance.id(), "VmHWM:")? - before).max(0.0);
        println!("{what:>44} {seconds:>10.2} {bytes:>12} {before:>14.1} {rose:>14.1}");
        rows.push(json!({"report": what, "seconds": seconds, "bytes": bytes, "rss_before_mb": before,
            "peak_rose_mb": rose, "usage_records": plan.days * plan.sessions, "ledger_entries": entries}));
    }
    report.write("years", &rows)
}

/// Megabytes of a line of `/proc/PID/status`.
fn resident(pid: u32, line: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|l| l.strip_prefix(line)).context("no such line")?;
    Ok(value.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1_024.0)
}

fn private(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| path.display().to_string())
}

fn fill_store(dir: &Path, plan: &Plan, begin: Wall) -> anyhow::Result<()> {
    private(&dir.join("state"))?;
    let store = Store::open(&dir.join("state/store"))?;
    let (all, apart) = (plan.days * plan.sessions, DAY_MICROS / i64::try_from(plan.sessions)?);
    for first in (0..all).step_by(usize::try_from(RECORDS_PER_COMMIT)?) {
        let mut batch = Batch::new();
        for n in first..all.min(first + RECORDS_PER_COMMIT) {
            let record = record(n, Wall::from_micros(begin.micros() + i64::try_from(n)? * apart), plan)?;
            batch = batch.put_json(record_key(&record.session), &record)?;
        }
        store.commit(batch)?;
    }
    Ok(())
}

/// A viewing of some minutes as the register has it once it is closed.
fn record(n: u64, at: Wall, plan: &Plan) -> anyhow::Result<UsageRecord> {
    let closed = at + Duration::from_secs(60 + n % 1_800);
    Ok(UsageRecord {
        session: SessionId(mint::sortable_id(at)?),
        purpose: format!("GA-{}", 1 + n % 4),
        user: format!("user-{}", n % 200),
        approver: format!("approver-{}", n % 5),
        content: VideoContent {
            camera: format!("bench-{}", 2 + n % plan.cameras as u64).parse()?,
            profile: media::id::Profile::Main,
            from: None,
            to: None,
        },
        opened_at: Stamp(at),
        medium: Medium::LiveStream,
        unit: "gaj".into(),
        reason: format!("接警 {n}，东街口治安巡查"),
        terminal: format!("10.0.{}.{}", n % 40, n % 250),
        grant: Some(format!("01J{:023}", n % 20_000)),
        export: None,
        mark: Some(mint::mark()?.to_string()),
        request_id: Some(mint::sortable_id(at)?),
        started_at: Some(Stamp(at)),
        protocol: Some(Protocol::Rtsp),
        closed_at: Some(Stamp(closed)),
        bytes: n % 1_000_000_000,
        end_reason: Some(EndReason::User),
    })
}

/// Refusals and deletions in the order of time, each on disk before its writer goes on.
fn fill_ledger(dir: &Path, plan: &Plan, begin: Wall, clock: Arc<Now>) -> anyhow::Result<()> {
    private(&dir.join("ledger"))?;
    let ledger = Ledger::open(&dir.join("ledger"), clock, &prometheus::Registry::new())?;
    let per_day = plan.refusals + plan.deletions;
    let (all, apart) = (plan.days * per_day, DAY_MICROS / i64::try_from(per_day)?);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let writer = || -> anyhow::Result<()> {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= all {
                    return Ok(());
                }
                let at = Wall::from_micros(begin.micros() + i64::try_from(n)? * apart);
                ledger.append(&event(n, at, n % per_day < plan.refusals))?;
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(writer)).collect();
        writers.into_iter().try_for_each(|writer| writer.join().ok().context("a writer ended")?)
    })?;
    ledger.close();
    Ok(())
}

fn event(n: u64, at: Wall, refused: bool) -> Event {
    if refused {
        let (code, article) = [("NO_GRANT", "J-7"), ("REASON_REQUIRED", "J-23"), ("OUTSIDE_TIME_WINDOW", "J-5")]
            [usize::try_from(n % 3).unwrap_or(0)];
        return Event::new(Kind::DENIED, at).decision(Decision::Deny).code(code).articles([article]);
    }
    Event::new(Kind::SEGMENT_DELETED, at)
        .object(format!("camera/bench-{}", 2 + n % 100))
        .with("start_micros", at.micros() - 60 * DAY_MICROS)
        .with("end_micros", at.micros() - 60 * DAY_MICROS + 60_000_000)
        .with("bytes", 30_000_000)
        .with("why", "ceiling")
}
