//! What a report is asked for: a stretch of time, a camera, a unit; and the appliance that it is asked of.

use std::sync::Arc;

use jiff::tz::TimeZone;
use media::id::CameraId;
use media::wall::Wall;

use crate::deps::Deps;
use crate::registers::UnitId;

/// One request for a report. What a report does not take is never there.
#[derive(Clone)]
pub struct Asked {
    /// The appliance.
    pub deps: Arc<Deps>,
    /// When it is asked.
    pub now: Wall,
    /// Beginning, inclusive.
    pub from: Wall,
    /// End, exclusive.
    pub to: Wall,
    /// Only this camera.
    pub camera: Option<CameraId>,
    /// Only this unit.
    pub unit: Option<UnitId>,
    /// So many days ahead.
    pub days: u32,
}

impl Asked {
    /// The site's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.deps.retention.settings().zone
    }
}
