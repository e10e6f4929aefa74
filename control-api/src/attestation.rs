//! The daily attestation: for each camera and each day that ended, what of it is on disk, what is missing and why, what nobody
//! can explain, and whether the floor is met. What is unexplained within the floor counts as lost. One event on the ledger and one row
//! in the store, in one commit, so that no day is attested twice; days that passed while the appliance was down are made up for.
//! Deliberately absent: mending what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use media::id::CameraId;
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::ledger::{Event, Kind};
use crate::ports::{Kept, Missing};
use crate::registers::camera::{self, Camera};
use crate::registers::hold::{self, HeldStretch, HoldId};
use crate::registers::retention_class::RetentionClass;
use crate::retention::{KeepError, Settings};
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, RANGE_ROWS_MAX, Store, StoreError};

/// A camera's day was attested.
const RECORDING_ATTESTED: Kind = Kind::named("recording.attested");
/// All attestations, by day and camera.
pub const ATTESTATIONS: &str = "attestation/";
/// The last day that was attested for all cameras.
const DONE: &str = "attestation-done";
/// Cameras that are asked about, and put on the ledger, at once: they share its syncs.
const AT_ONCE: usize = 32;
/// How long rows are kept; the ledger keeps its events for good. 3 years, as records are (NDR-12, PIPL-56).
const ROWS_KEPT_DAYS: i64 = 3 * 366;
/// Rows taken out in one sweep.
const ROWS_SWEPT_MAX: usize = 5_000;
const DAY: Duration = Duration::from_secs(86_400);
/// What was recorded this long ago is told of by the recorder, also where a disk stood still meanwhile.
const TOLD_AFTER: Duration = Duration::from_secs(300);

/// What the appliance says of one camera's day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attestation {
    /// Whose recording.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// The day on site time.
    #[schema(value_type = String, format = Date, example = "2026-03-02")]
    pub day: Date,
    /// Beginning of the day, or of the camera's entry in the catalogue.
    pub from: Stamp,
    /// End of the day, or of the camera's entry.
    pub to: Stamp,
    /// When this was said: footage and floor are as they were then.
    pub attested_at: Stamp,
    /// Which law the recording is kept under.
    pub retention_class: RetentionClass,
    /// Seconds between `from` and `to` that are on disk; a hole of less than two seconds is no gap. With the gaps and what is
    /// unexplained they are all of the time.
    pub covered_seconds: f64,
    /// Seconds that are not, by reason.
    pub gap_seconds: BTreeMap<String, f64>,
    /// Seconds that are not, and nobody knows why.
    #[serde(default)]
    pub unexplained_seconds: f64,
    /// The camera's floor at that moment.
    pub floor_seconds: u64,
    /// Nothing of the floor is missing but what is known not to have been recorded.
    pub floor_met: bool,
    /// Seconds within the floor that were recorded once and are gone, or that nobody can explain.
    pub lost_seconds: f64,
    /// The beginning of the oldest recording.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub oldest: Option<Stamp>,
    /// What of the day is held.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub held: Vec<HeldSpan>,
}

/// A stretch of the day that a hold protects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldSpan {
    /// The hold.
    pub hold: HoldId,
    /// Beginning, inclusive.
    pub from: Stamp,
    /// End, exclusive.
    pub to: Stamp,
}

/// Why a day could not be attested. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// The registers or the recorder could not be read.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Store.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The change and its event could not be made; the log says why.
    #[error("{}", .0.code().text())]
    Change(ApiError),
    /// A task failed.
    #[error("the reading was broken off: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// A day on site time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day {
    date: Date,
    start: Wall,
    end: Wall,
}

impl Day {
    /// 23, 24 or 25 hours from midnight to midnight; none for a date beyond the calendar.
    fn of(date: Date, zone: &TimeZone) -> Option<Self> {
        let midnight = |date: Date| {
            let at = date.to_zoned_datetime(zone.clone()).ok()?.timestamp();
            Some(Wall::from_micros(at.as_microsecond()))
        };
        Some(Self { date, start: midnight(date)?, end: midnight(date.tomorrow().ok()?)? })
    }
}

/// Attests every day that ended and is not attested, oldest first. Gives the number of attestations. What it has done stays
/// done wherever it is broken off.
pub async fn attest_due(deps: &Arc<Deps>) -> Result<usize, AttestError> {
    let mut made = 0;
    let settings = deps.retention.settings();
    for day in days_due(settings, deps.retention.now(), done(&deps.store)?) {
        made += attest_day(deps, day).await?;
        deps.store.commit_async(Batch::new().put_json(DONE, &day.date)?).await?;
    }
    let telling = Arc::clone(deps);
    tokio::task::spawn_blocking(move || tell_metrics(&telling)).await??;
    Ok(made)
}

fn done(store: &Store) -> Result<Option<Date>, StoreError> {
    Ok(store.get_json::<Date>(DONE)?.map(|row| row.value))
}

/// The days after `done` that have ended by `now`, and whose last moments are told of; none older than the longest floor, whose
/// recordings may be gone by right. A `done` that is yet to come was written by a wrong clock and counts for nothing; the rows still keep a day from being attested twice.
fn days_due(settings: &Settings, now: Wall, done: Option<Date>) -> Vec<Day> {
    let Some(today) = date_of(&settings.zone, now) else { return Vec::new() };
    let floor_days = settings.floor_max().as_secs().div_ceil(DAY.as_secs()).max(1);
    let floor_days = i64::try_from(floor_days).unwrap_or(i64::MAX);
    let Ok(oldest) = today.checked_sub(floor_days.days()) else { return Vec::new() };
    let next = done.filter(|date| *date <= today).and_then(|date| date.tomorrow().ok());
    if next.is_some_and(|next| next < oldest) {
        tracing::warn!(?next, %oldest, "days older than the floor are not attested any more");
    }
    let first = next.map_or(oldest, |next| next.max(oldest));
    let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok()).take_while(|date| *date < today);
    dates.filter_map(|date| Day::of(date, &settings.zone)).filter(|day| day.end + TOLD_AFTER <= now).collect()
}

/// The day on site time that holds `at`.
pub fn date_of(zone: &TimeZone, at: Wall) -> Option<Date> {
    Some(Timestamp::from_microsecond(at.micros()).ok()?.to_zoned_datetime(zone.clone()).date())
}

async fn attest_day(deps: &Arc<Deps>, day: Day) -> Result<usize, AttestError> {
    let reading = Arc::clone(deps);
    let cameras = tokio::task::spawn_blocking(move || cameras_of(&reading, day)).await??;
    let mut made = 0;
    for some in cameras.chunks(AT_ONCE) {
        let (reading, some) = (Arc::clone(deps), some.to_vec());
        let drafts = tokio::task::spawn_blocking(move || {
            some.iter().map(|(camera, left)| draft(&reading, day, camera, *left)).collect::<Result<Vec<_>, _>>()
        });
        let drafts = drafts.await??;
        for put in join_all(drafts.iter().map(|attestation| put(deps, attestation))).await {
            made += usize::from(put?);
        }
    }
    Ok(made)
}

/// The cameras that the day is to be attested for and is not: those in the catalogue at any time of it, and those that left
/// it whose floor reaches into it.
fn cameras_of(deps: &Deps, day: Day) -> Result<Vec<(Camera, Option<Wall>)>, AttestError> {
    let mut cameras = deps.retention.cameras()?;
    let floor = |camera: &Camera, left: Wall| deps.retention.settings().rule_at(camera, left).floor;
    cameras.retain(|(camera, left)| {
        camera.created_at < day.end && left.is_none_or(|left| day.start < left + floor(camera, left))
    });
    let mut due = Vec::new();
    for (camera, left) in cameras {
        if deps.store.get(&key(day.date, &camera.id))?.is_none() {
            due.push((camera, left));
        }
    }
    Ok(due)
}

fn draft(deps: &Deps, day: Day, camera: &Camera, left: Option<Wall>) -> Result<Attestation, AttestError> {
    let now = deps.retention.now();
    let rule = deps.retention.rule_of(camera);
    let (from, to) = (day.start.max(camera.created_at), left.map_or(day.end, |left| day.end.min(left)));
    let of_day = if from < to { deps.retention.kept(&camera.id, from, to)? } else { Kept::default() };
    let (lost_micros, oldest) = lost(deps, camera, now)?;
    Ok(Attestation {
        camera: camera.id.clone(),
        day: day.date,
        from: from.into(),
        to: to.max(from).into(),
        attested_at: now.into(),
        retention_class: camera.retention_class,
        covered_seconds: seconds(of_day.covered_micros),
        gap_seconds: gap_seconds(&of_day.gaps, from, to),
        unexplained_seconds: seconds(unexplained_micros(&of_day, from, to)),
        floor_seconds: rule.floor.as_secs(),
        floor_met: lost_micros == 0,
        lost_seconds: seconds(lost_micros),
        oldest: of_day.oldest.or(oldest).map(Stamp),
        held: held(&deps.store, &camera.id, day)?,
    })
}

/// What is gone within the camera's floor: what the recorder knows that it had, and what nobody can explain. Of the time before
/// its entry only the former: a camera that was enrolled again may or may not have been there. And where its oldest recording begins.
fn lost(deps: &Deps, camera: &Camera, now: Wall) -> Result<(i64, Option<Wall>), KeepError> {
    let (since, to) = (deps.retention.promised_since(camera, now), now - TOLD_AFTER);
    let entered = since.max(camera.created_at);
    let kept = |from: Wall, to: Wall| {
        if from < to { deps.retention.kept(&camera.id, from, to) } else { Ok(Kept::default()) }
    };
    let (before, after) = (kept(since, entered.min(to))?, kept(entered, to)?);
    let lost_micros = before.lost_micros + after.lost_micros + unexplained_micros(&after, entered, to);
    Ok((lost_micros, after.oldest.or(before.oldest)))
}

/// The time that is neither recorded nor in a gap.
fn unexplained_micros(kept: &Kept, from: Wall, to: Wall) -> i64 {
    let gaps: i64 = kept.gaps.iter().map(|gap| within(gap, from, to)).sum();
    (to.micros_since(from) - kept.covered_micros - gaps).max(0)
}

fn within(gap: &Missing, from: Wall, to: Wall) -> i64 {
    gap.end.min(to).micros_since(gap.start.max(from)).max(0)
}

/// Seconds to the millisecond.
fn seconds(micros: i64) -> f64 {
    (micros / 1_000) as f64 / 1_000.0
}

fn gap_seconds(gaps: &[Missing], from: Wall, to: Wall) -> BTreeMap<String, f64> {
    let mut micros: BTreeMap<String, i64> = BTreeMap::new();
    for gap in gaps {
        *micros.entry(gap.reason.clone()).or_default() += within(gap, from, to);
    }
    micros.into_iter().map(|(reason, micros)| (reason, seconds(micros))).collect()
}

fn held(store: &Store, camera: &CameraId, day: Day) -> Result<Vec<HeldSpan>, StoreError> {
    let prefix = hold::active_of(camera);
    let rows = store.range_json::<HeldStretch>(&prefix, None, RANGE_ROWS_MAX)?;
    let of_day = rows.into_iter().filter(|(_, row)| row.value.from < day.end && day.start < row.value.to);
    let span = |(key, stretch): (String, HeldStretch)| HeldSpan {
        hold: HoldId(key.strip_prefix(&prefix).unwrap_or_default().into()),
        from: stretch.from.max(day.start).into(),
        to: stretch.to.min(day.end).into(),
    };
    Ok(of_day.map(|(key, row)| span((key, row.value))).collect())
}

/// A camera's day.
fn key(day: Date, camera: &CameraId) -> String {
    format!("{}{camera}", of_day(day))
}

/// The prefix of a day's attestations.
pub fn of_day(day: Date) -> String {
    format!("{ATTESTATIONS}{day}/")
}

/// Row and event in one commit. False where the day was attested by another hand meanwhile.
async fn put(deps: &Deps, attestation: &Attestation) -> Result<bool, AttestError> {
    let key = key(attestation.day, &attestation.camera);
    let batch = Batch::new().expect_absent(key.as_str()).put_json(key, attestation)?;
    match deps.change(event(attestation), batch).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Code::Conflict => Ok(false),
        Err(error) => Err(AttestError::Change(error)),
    }
}

fn event(attestation: &Attestation) -> Event {
    let articles: &[&str] = match attestation.retention_class {
        RetentionClass::Ordinary => &["O-17"],
        RetentionClass::KeyTarget => &["O-17", "AT-32"],
        RetentionClass::Voluntary => &[],
    };
    let event = Event::new(RECORDING_ATTESTED, attestation.attested_at.0)
        .object(camera::key(&attestation.camera))
        .articles(articles.iter().copied());
    let detail = serde_json::to_value(attestation).unwrap_or_default();
    let told = detail.as_object().into_iter().flatten().filter(|(name, _)| *name != "camera" && *name != "attested_at");
    told.fold(event, |event, (name, value)| event.with(name, value.clone()))
}

/// The gauges, by the last day that is attested for all cameras.
fn tell_metrics(deps: &Deps) -> Result<(), AttestError> {
    let zone = &deps.retention.settings().zone;
    let Some(day) = done(&deps.store)?.and_then(|date| Day::of(date, zone)) else { return Ok(()) };
    let (mut below, mut after) = (0, None::<String>);
    loop {
        let rows = deps.store.range_json::<Attestation>(&of_day(day.date), after.as_deref(), RANGE_ROWS_MAX)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        below += rows.iter().filter(|(_, row)| !row.value.floor_met).count();
    }
    let metrics = deps.retention.metrics();
    metrics.cameras_below_floor.set(i64::try_from(below).unwrap_or(i64::MAX));
    metrics.attested_until(day.end);
    Ok(())
}

/// Takes out rows past their time. Blocks.
pub fn sweep(deps: &Deps) -> Result<usize, AttestError> {
    let today = date_of(&deps.retention.settings().zone, deps.retention.now());
    let Some(oldest) = today.and_then(|today| today.checked_sub(ROWS_KEPT_DAYS.days()).ok()) else { return Ok(0) };
    let oldest = of_day(oldest);
    let rows = deps.store.range(ATTESTATIONS, None, ROWS_SWEPT_MAX)?;
    let over: Vec<String> = rows.into_iter().map(|row| row.key).take_while(|key| *key < oldest).collect();
    let batch = over.iter().fold(Batch::new(), |batch, key| batch.delete(key.as_str()));
    if !batch.is_empty() {
        deps.store.commit(batch)?;
    }
    Ok(over.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        text.parse::<Stamp>().unwrap().0
    }

    #[test]
    fn days_are_as_long_as_the_zone_makes_them() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let hours = |date: &str| {
            let day = Day::of(date.parse().unwrap(), &zone).unwrap();
            day.end.since(day.start).as_secs() / 3_600
        };
        assert_eq!([hours("2026-03-28"), hours("2026-03-29"), hours("2026-10-25")], [24, 23, 25]);
    }

    #[test]
    fn what_is_due_is_what_ended_and_is_no_older_than_the_floor() {
        let settings = Settings { key_target_floor: 5 * DAY, floor: 3 * DAY, ..Settings::default() };
        let due = |now: &str, done: Option<&str>| {
            let days = days_due(&settings, at(now), done.map(|d| d.parse().unwrap()));
            days.iter().map(|day| day.date.to_string()).collect::<Vec<_>>()
        };
        let first = due("2026-03-10T00:05:00+08:00", None);
        assert_eq!(first, ["2026-03-05", "2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09"]);
        assert_eq!(
            due("2026-03-10T00:04:59+08:00", None).last().unwrap(),
            "2026-03-08",
            "its end may not be told of yet"
        );
        assert_eq!(due("2026-03-10T23:59:59+08:00", Some("2026-03-08")), ["2026-03-09"]);
        assert_eq!(due("2026-03-10T23:59:59+08:00", Some("2026-03-09")), Vec::<String>::new());
        assert_eq!(
            due("2026-03-09T23:59:00+08:00", Some("2026-03-09")),
            Vec::<String>::new(),
            "a clock set back a little"
        );
        assert_eq!(due("2026-03-10T12:00:00+08:00", Some("2027-04-01")), first, "a clock that was a year ahead");
        assert_eq!(due("2026-03-10T12:00:00+08:00", Some("2026-01-01")).len(), 5);
    }

    #[test]
    fn gaps_are_summed_by_reason_within_the_day() {
        let gap = |start: i64, end: i64, reason: &str| Missing {
            start: Wall::from_micros(start * 1_000_000),
            end: Wall::from_micros(end * 1_000_000),
            reason: reason.into(),
        };
        let gaps = [gap(0, 20, "refused"), gap(30, 31, "disk_slow"), gap(90, 200, "refused")];
        let summed = gap_seconds(&gaps, Wall::from_micros(10_000_000), Wall::from_micros(100_000_000));
        assert_eq!(summed, BTreeMap::from([("refused".into(), 20.0), ("disk_slow".into(), 1.0)]));
    }
}
