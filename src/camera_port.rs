//! Joins the register of cameras to the relay's fleet and the recorder: a camera in the register is pulled and its main
//! stream recorded; its state changes tell the recorder why a gap is there.

use std::sync::Arc;

use control_api::ports::{
    CameraPort, CameraSetup, DeviceState, DeviceStatus, Missing, Recorded, RecordingError, RecordingPort, StreamFacts,
    Timeline,
};
use control_api::registers::camera::Transport as RegisteredTransport;
use media::hub::Hub;
use media::id::{CameraId, Profile, StreamKey};
use media::wall::{Clock, Wall};
use recorder::{GapReason, Recorder};
use relay::fleet::{AddError, CameraStream, Fleet, State, StateChange};
use relay::ingest::{BadSource, Credentials, Source, Transport};
use tokio::runtime::Handle;
use tokio::sync::broadcast;

/// The fleet and the recorder as the control API sees them.
pub(crate) struct Cameras {
    fleet: Arc<Fleet>,
    recorder: Arc<Recorder>,
    clock: Arc<dyn Clock>,
    runtime: Handle,
}

impl Cameras {
    /// Joins the two. `runtime` runs what the calls set off.
    pub(crate) fn new(fleet: Arc<Fleet>, recorder: Arc<Recorder>, clock: Arc<dyn Clock>, runtime: Handle) -> Arc<Self> {
        Arc::new(Self { fleet, recorder, clock, runtime })
    }

    fn pull(&self, key: &StreamKey, source: Result<Source, BadSource>) {
        let source = match source {
            Ok(source) => source,
            // The register checked the same text with the same rules, so this is a register made by other hands.
            Err(error) => return tracing::error!(camera = %key.camera, %error, "camera not pulled: {error}"),
        };
        if self.fleet.update(key, source.clone()) {
            return;
        }
        match self.fleet.add(CameraStream { key: key.clone(), source }) {
            Ok(hub) if key.profile == Profile::Main => self.record(&key.camera, hub),
            Ok(_) => {}
            Err(AddError::Present(_)) => {}
            Err(error) => tracing::error!(camera = %key.camera, %error, "camera not pulled: {error}"),
        }
    }

    fn record(&self, camera: &CameraId, hub: Arc<Hub>) {
        self.recorder.start(camera, hub);
        self.recorder.camera_down(camera, self.clock.wall(), "connecting");
    }

    /// It is out of the fleet at once; its connection closes soon after.
    fn drop_stream(&self, key: &StreamKey) {
        self.runtime.spawn(self.fleet.remove(key));
    }
}

impl CameraPort for Cameras {
    fn add(&self, camera: CameraSetup) {
        self.update(camera);
    }

    fn update(&self, camera: CameraSetup) {
        let transport = match camera.transport {
            RegisteredTransport::Tcp => Transport::Tcp,
            RegisteredTransport::Udp => Transport::Udp,
        };
        let login = || {
            camera.credentials.as_ref().map(|c| Credentials { user: c.username.clone(), password: c.password.clone() })
        };
        let main = StreamKey { camera: camera.id.clone(), profile: Profile::Main };
        self.pull(&main, Source::parse(&camera.source, login(), transport));
        let sub = StreamKey { camera: camera.id.clone(), profile: Profile::Sub };
        match &camera.sub_source {
            Some(url) => self.pull(&sub, Source::parse(url, login(), transport)),
            None => self.drop_stream(&sub),
        }
    }

    fn remove(&self, camera: &CameraId) {
        self.recorder.stop(camera, GapReason::Stopped);
        for profile in [Profile::Main, Profile::Sub] {
            self.drop_stream(&StreamKey { camera: camera.clone(), profile });
        }
    }

    fn stream(&self, stream: &StreamKey) -> Option<StreamFacts> {
        let status = self.fleet.status(stream)?;
        Some(StreamFacts {
            bits_per_second: status.bitrate,
            // What is described and has no size is sound alone.
            carries_marks: status.codec.is_none() || status.width.is_some(),
            core_busy: self.fleet.busy_share(stream)?,
        })
    }

    fn status(&self, camera: &CameraId) -> Option<DeviceStatus> {
        let status = self.fleet.status(&StreamKey { camera: camera.clone(), profile: Profile::Main })?;
        let state = match (status.state, status.reason) {
            (State::Running, _) => DeviceState::Online,
            (State::Dialing, None) => DeviceState::Connecting,
            (State::Dialing | State::BackingOff | State::Stopped, _) => DeviceState::Offline,
        };
        let reason = status.reason.filter(|_| state == DeviceState::Offline).map(|r| r.as_str().to_owned());
        Some(DeviceStatus { state, reason, since: Some(status.since.into()) })
    }
}

/// Tells the recorder why a camera is down, until the fleet is gone.
pub(crate) async fn follow_states(fleet: Arc<Fleet>, recorder: Arc<Recorder>) {
    let mut changes = fleet.watch();
    loop {
        match changes.recv().await {
            Ok(change) => tell(&recorder, &change),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "camera state changes were missed; gaps may carry an older reason");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn tell(recorder: &Recorder, change: &StateChange) {
    if change.stream.profile != Profile::Main {
        return;
    }
    if let Some(reason) = change.reason.filter(|_| change.state != State::Running) {
        recorder.camera_down(&change.stream.camera, change.at, reason.as_str());
    }
}

/// The recorder's index as the control API sees it.
pub(crate) struct Recordings(pub(crate) Arc<Recorder>);

impl RecordingPort for Recordings {
    fn timeline(&self, stream: &StreamKey, from: Wall, to: Wall) -> Result<Timeline, RecordingError> {
        if stream.profile != Profile::Main {
            // Only the main stream is recorded.
            return Ok(Timeline::default());
        }
        let timeline = self.0.timeline(&stream.camera, from, to).map_err(|e| RecordingError(e.to_string()))?;
        let items = timeline.items.iter().map(|i| Recorded { start: i.start, end: i.end, bytes: i.bytes }).collect();
        let gaps = timeline
            .gaps
            .iter()
            .map(|g| Missing { start: g.start, end: g.end, reason: g.reason.as_str().to_owned() })
            .collect();
        Ok(Timeline { items, gaps })
    }
}
