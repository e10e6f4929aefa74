//! What the control API asks of the floor below: cameras to be pulled and their status, and the timeline of a recording. The
//! binary joins these to the relay and the recorder; nothing here waits for a camera or a disk.

use media::id::{CameraId, StreamKey};
use media::wall::Wall;
use serde::Serialize;

use crate::registers::camera::{Camera, Credentials, Transport};

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
