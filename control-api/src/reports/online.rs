//! How a camera is, and how much of a stretch was recorded of it: from the attestations of the days that have one, from the
//! recorder's index for the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use media::wall::Wall;

use super::{Asked, unreadable};
use crate::attestation::{self, Attestation};
use crate::error::ApiError;
use crate::ports::{DeviceState, DeviceStatus};
use crate::registers::camera::{self, Camera};
use crate::store::StoreError;

/// Longest stretch: a year, with a day for the leap.
const STRETCH_MAX: Duration = Duration::from_secs(367 * 86_400);
/// Cameras read at a time.
const ROWS_FETCHED: usize = 500;

/// Of one camera.
pub(super) struct Line {
    pub(super) camera: Camera,
    pub(super) status: DeviceStatus,
    pub(super) time: Time,
}

impl Line {
    pub(super) fn is_online(&self) -> bool {
        self.status.state == DeviceState::Online
    }
}

/// Seconds of a stretch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Time {
    pub(super) recorded: f64,
    /// What is missing, by reason.
    pub(super) gaps: BTreeMap<String, f64>,
}

impl Time {
    pub(super) fn missing(&self) -> f64 {
        self.gaps.values().fold(0.0, |sum, seconds| sum + seconds)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.recorded += other.recorded;
        self.add_gaps(&other.gaps);
    }

    fn add_gaps(&mut self, gaps: &BTreeMap<String, f64>) {
        for (reason, seconds) in gaps {
            *self.gaps.entry(reason.clone()).or_default() += seconds;
        }
    }
}

/// `part` of `whole` in per cent, to two places; none of nothing.
pub(super) fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (part / whole * 10_000.0).round() / 100.0)
}

/// The stretch must not be longer than the rows of a year.
pub(super) fn check_stretch(asked: &Asked) -> Result<(), ApiError> {
    if asked.to.since(asked.from) > STRETCH_MAX {
        return Err(ApiError::field("from", "与 to 相距不超过367天。", "At most 367 days before `to`."));
    }
    Ok(())
}

/// Each camera after the id `after` that is asked for, until `visit` says that it is enough. Gives the last one's id then.
pub(super) fn each_camera(
    asked: &Asked,
    after: Option<&str>,
    visit: &mut dyn FnMut(Camera) -> Result<bool, ApiError>,
) -> Result<Option<String>, ApiError> {
    let mut after = after.map(|id| format!("{}{id}", camera::CAMERAS));
    loop {
        let rows = asked.deps.store.range_json::<Camera>(camera::CAMERAS, after.as_deref(), ROWS_FETCHED)?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        after = Some(last.clone());
        for (_, row) in rows {
            let wanted = asked.unit.as_ref().is_none_or(|unit| row.value.owner.as_ref() == Some(unit))
                && asked.camera.as_ref().is_none_or(|camera| row.value.id == *camera);
            let id = row.value.id.to_string();
            if wanted && !visit(row.value)? {
                return Ok(Some(id));
            }
        }
    }
}

/// How a camera is, and its time.
pub(super) fn line(asked: &Asked, camera: Camera) -> Result<Line, ApiError> {
    let unknown = DeviceStatus { state: DeviceState::Offline, reason: None, since: None };
    let status = asked.deps.cameras.status(&camera.id).unwrap_or(unknown);
    let time = time(asked, &camera)?;
    Ok(Line { camera, status, time })
}

/// A camera's seconds between `from` and `to`, from its enrolment on and not beyond now.
fn time(asked: &Asked, camera: &Camera) -> Result<Time, ApiError> {
    let (from, to) = (asked.from.max(camera.created_at), asked.to.min(asked.now));
    let mut time = Time::default();
    // A run of days that have no attestation is read at once.
    let mut unattested: Option<Wall> = None;
    let mut at = from;
    while at < to {
        let Some((day, end)) = day_at(asked, at) else { break };
        let end = end.min(to);
        match attested(asked, camera, day, (at, end))? {
            Some(attestation) => {
                if let Some(start) = unattested.take() {
                    add_kept(asked, camera, (start, at), &mut time)?;
                }
                time.recorded += attestation.covered_seconds;
                time.add_gaps(&attestation.gap_seconds);
            }
            None => _ = unattested.get_or_insert(at),
        }
        at = end;
    }
    if let Some(start) = unattested {
        add_kept(asked, camera, (start, to), &mut time)?;
    }
    Ok(time)
}

/// The day on site time that holds `at`, and where it ends.
fn day_at(asked: &Asked, at: Wall) -> Option<(Date, Wall)> {
    let day = attestation::date_of(asked.zone(), at)?;
    let end = day.tomorrow().ok()?.to_zoned_datetime(asked.zone().clone()).ok()?.timestamp();
    Some((day, Wall::from_micros(end.as_microsecond())))
}

/// The attestation of a day, where it speaks of the whole stretch and of no more.
fn attested(
    asked: &Asked,
    camera: &Camera,
    day: Date,
    (from, to): (Wall, Wall),
) -> Result<Option<Attestation>, StoreError> {
    let key = format!("{}{}", attestation::of_day(day), camera.id);
    let row = asked.deps.store.get_json::<Attestation>(&key)?;
    Ok(row.map(|row| row.value).filter(|attestation| attestation.from.0 == from && attestation.to.0 == to))
}

fn add_kept(asked: &Asked, camera: &Camera, (from, to): (Wall, Wall), time: &mut Time) -> Result<(), ApiError> {
    let kept = asked.deps.retention.kept(&camera.id, from, to).map_err(|error| unreadable(&error))?;
    time.recorded += seconds(kept.covered_micros);
    for gap in kept.gaps {
        let within = seconds(gap.end.min(to).micros_since(gap.start.max(from)).max(0));
        // What was deleted by rule since was recorded.
        let sum = if gap.reason == "deleted" { &mut time.recorded } else { time.gaps.entry(gap.reason).or_default() };
        *sum += within;
    }
    Ok(())
}

/// Seconds to the millisecond.
fn seconds(micros: i64) -> f64 {
    (micros / 1_000) as f64 / 1_000.0
}
