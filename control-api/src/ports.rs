//! What the control API asks of the floor below: cameras to be pulled and their status, the timeline of a recording, and how
//! long recordings are kept. The binary joins these to the relay and the recorder; nothing here waits for a camera.

use std::time::Duration;

use media::id::{CameraId, StreamKey};
use media::wall::Wall;
use serde::Serialize;

use crate::registers::camera::{Camera, Credentials, Transport};
pub use crate::registers::hold::HeldStretch;

/// What the relay has to know of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraSetup {
    /// Its id.
    pub id: CameraId,
    /// `rtsp://` address of the main stream, without credentials.
    pub source: String,
    /// `rtsp://` address of the sub stream, without credentials.
    pub sub_source: Option<String>,
    /// How it is fetched.
    pub transport: Transport,
    /// What the camera asks for. Prints as nothing.
    pub credentials: Option<Credentials>,
}

impl CameraSetup {
    /// Of a camera of the catalogue.
    pub fn of(camera: &Camera, credentials: Option<Credentials>) -> Self {
        Self {
            id: camera.id.clone(),
            source: camera.source.as_str().into(),
            sub_source: camera.sub_source.as_ref().map(|s| s.as_str().into()),
            transport: camera.transport,
            credentials,
        }
    }
}

/// 设备状态, kept by the relay itself (J-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Its video arrives.
    Online,
    /// It is being dialled for the first time, or again.
    Connecting,
    /// It cannot be reached, refuses, or its video has stopped.
    Offline,
}

/// A camera's status, with how long it has been so and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct DeviceStatus {
    /// The state.
    pub state: DeviceState,
    /// The relay's word for why it is not online; absent while it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when, where the relay knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<crate::stamp::Stamp>,
}

/// A stream as far as a decision asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamFacts {
    /// What it takes for each viewer.
    pub bits_per_second: u64,
    /// It has a picture, which is what carries a mark. True while that is not known.
    pub carries_marks: bool,
    /// How busy the core is that would carry another viewer, from 0 to 1.
    pub core_busy: f64,
}

/// The relay's fleet of cameras. Calls return at once; what they ask for happens soon after.
pub trait CameraPort: Send + Sync + 'static {
    /// Pulls this camera from now on.
    fn add(&self, camera: CameraSetup);
    /// Pulls this camera by its new settings. Viewers stay where the stream goes on.
    fn update(&self, camera: CameraSetup);
    /// Stops pulling it.
    fn remove(&self, camera: &CameraId);
    /// What one of its streams is like; `None` for one that is not being pulled.
    fn stream(&self, stream: &StreamKey) -> Option<StreamFacts>;
    /// How it is; `None` for a camera that is not being pulled.
    fn status(&self, camera: &CameraId) -> Option<DeviceStatus>;
}

/// A stretch that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Beginning, inclusive.
    pub start: Wall,
    /// End, exclusive.
    pub end: Wall,
    /// Bytes on disk of the segments it lies in.
    pub bytes: u64,
}

/// A stretch that is not on disk, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Beginning, inclusive.
    pub start: Wall,
    /// End, exclusive.
    pub end: Wall,
    /// The recorder's word for why.
    pub reason: String,
}

/// What there is of a stream between two instants, in order of time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Timeline {
    /// What is on disk.
    pub items: Vec<Recorded>,
    /// What is not.
    pub gaps: Vec<Missing>,
}

/// The recorder's index could not be read. The text is for the log only.
#[derive(Debug, thiserror::Error)]
#[error("recorder: {0}")]
pub struct RecordingError(pub String);

/// The recorder's index. Blocks for a disk read at most.
pub trait RecordingPort: Send + Sync + 'static {
    /// What there is of `stream` from `from` to `to`.
    fn timeline(&self, stream: &StreamKey, from: Wall, to: Wall) -> Result<Timeline, RecordingError>;
}

/// How long one camera's recordings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepRule {
    /// Nothing younger is deleted. Zero where nothing has to be kept.
    pub floor: Duration,
    /// What is older is deleted, unless it is held. Never below the floor.
    pub ceiling: Duration,
    /// The law wants the recording; one that it does not want is the first to stop when room runs out.
    pub statutory: bool,
}

/// A volume, and when it is in danger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeOutlook {
    /// Its name in the configuration.
    pub volume: String,
    /// The recorder's word for how it is.
    pub state: String,
    /// Bytes it holds at most.
    pub capacity_bytes: u64,
    /// Bytes it still takes.
    pub free_bytes: u64,
    /// Bytes on it that a floor or a hold protects.
    pub protected_bytes: u64,
    /// What is written to it.
    pub bytes_per_second: u64,
    /// Until recordings above their floor are deleted for want of room; none where nothing is written.
    pub full_seconds: Option<u64>,
    /// Until this volume can take no more without breaking a floor or a hold; none where not foreseen.
    pub floor_danger_seconds: Option<u64>,
    /// The same for the cameras of the usual floor that are recorded there.
    pub ordinary_danger_seconds: Option<u64>,
    /// The same for those of a longer floor.
    pub key_target_danger_seconds: Option<u64>,
    /// Until those that the law does not want are stopped for want of room.
    pub voluntary_danger_seconds: Option<u64>,
}

/// What there is of one camera between two instants. Time that is in neither is unexplained; none is in both, or twice in one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Kept {
    /// Time that is on disk, with holes in it that are too short to be gaps.
    pub covered_micros: i64,
    /// What is not, and why, in order of time.
    pub gaps: Vec<Missing>,
    /// The beginning of the camera's oldest recording, whenever that is.
    pub oldest: Option<Wall>,
    /// Of the gaps, what was recorded once and is gone: damaged, deleted, or its volume lost.
    pub lost_micros: i64,
}

/// The recorder's retention. `set_rule` and `set_holds` do not wait for a disk: they are called one at a time.
pub trait RetentionPort: Send + Sync + 'static {
    /// Keeps the camera's recordings by this rule from now on.
    fn set_rule(&self, camera: &CameraId, rule: KeepRule) -> Result<(), RecordingError>;
    /// Replaces the camera's held stretches.
    fn set_holds(&self, camera: &CameraId, holds: &[HeldStretch]) -> Result<(), RecordingError>;
    /// Each volume, and when it is in danger.
    fn outlook(&self) -> Result<Vec<VolumeOutlook>, RecordingError>;
    /// Would all floors still hold with one more camera of this rule and rate?
    fn has_room_for(&self, rule: &KeepRule, bits_per_second: u64) -> Result<bool, RecordingError>;
    /// What there is of the camera's recording from `from` to `to`. Blocks for reads of the index.
    fn kept(&self, camera: &CameraId, from: Wall, to: Wall) -> Result<Kept, RecordingError>;
}
