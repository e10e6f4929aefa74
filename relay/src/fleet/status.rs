//! What is known of a camera's stream at this moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use media::hub::Hub;
use media::id::StreamKey;
use media::wall::Wall;
use parking_lot::Mutex;
use serde::Serialize;

use crate::ingest::{Reason, Vitals};

/// Where a supervisor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its turn to dial, or dials.
    Dialing,
    /// Frames come.
    Running,
    /// Waits before it dials again.
    BackingOff,
    /// Ended for good.
    Stopped,
}

/// A stream changed its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateChange {
    /// Which stream.
    pub stream: StreamKey,
    /// When.
    pub at: Wall,
    /// Its state from then on.
    pub state: State,
    /// Why; none while dialling and running.
    pub reason: Option<Reason>,
}

/// A stream as the register shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CameraStatus {
    /// Which stream.
    pub stream: StreamKey,
    /// Its state.
    pub state: State,
    /// Why it is not running; while dialling, why the connection before ended.
    pub reason: Option<Reason>,
    /// Since when it is in that state.
    pub since: Wall,
    /// When the newest frame of any track came.
    pub last_frame: Option<Wall>,
    /// Connections ended so far.
    pub reconnects: u64,
    /// The video's codec, or the sound's where there is no video, as RFC 6381 writes it.
    pub codec: Option<String>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Bits per second over the last few seconds.
    pub bitrate: u64,
    /// Payload bytes since the start.
    pub bytes: u64,
    /// RTP packets known to be lost since the start.
    pub packets_lost: u64,
}

/// What a supervisor writes and everyone else reads.
pub(super) struct Shared {
    pub(super) stream: StreamKey,
    pub(super) hub: Arc<Hub>,
    pub(super) vitals: Arc<Vitals>,
    phase: Mutex<Phase>,
    ends: [AtomicU64; Reason::ALL.len()],
}

#[derive(Clone, Copy)]
struct Phase {
    state: State,
    reason: Option<Reason>,
    since: Wall,
}

impl Shared {
    pub(super) fn new(stream: StreamKey, hub: Arc<Hub>, now: Wall) -> Arc<Self> {
        Arc::new(Self {
            stream,
            hub,
            vitals: Arc::default(),
            phase: Mutex::new(Phase { state: State::Dialing, reason: None, since: now }),
            ends: Default::default(),
        })
    }

    /// Enters a state. While dialling, the reason of the end before is kept.
    pub(super) fn enter(&self, state: State, reason: Option<Reason>, now: Wall) -> StateChange {
        let mut phase = self.phase.lock();
        let kept = if state == State::Dialing { phase.reason } else { None };
        *phase = Phase { state, reason: reason.or(kept), since: now };
        StateChange { stream: self.stream.clone(), at: now, state, reason }
    }

    pub(super) fn count_end(&self, reason: Reason) {
        if let Some(count) = self.ends.get(reason.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Connections ended, by reason; those that never happened are left out.
    pub(super) fn ends(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        let counts = Reason::ALL.iter().zip(&self.ends);
        counts.map(|(reason, count)| (*reason, count.load(Ordering::Relaxed))).filter(|(_, count)| *count > 0)
    }

    pub(super) fn is_up(&self) -> bool {
        self.phase.lock().state == State::Running
    }

    pub(super) fn status(&self) -> CameraStatus {
        let phase = *self.phase.lock();
        let info = self.hub.info();
        let track = info.as_ref().and_then(|i| i.video().or(i.tracks.first()));
        let size = track.and_then(|t| t.params.dimensions());
        CameraStatus {
            stream: self.stream.clone(),
            state: phase.state,
            reason: phase.reason,
            since: phase.since,
            last_frame: self.vitals.last_frame(),
            reconnects: self.ends().map(|(_, count)| count).sum(),
            codec: track.map(|t| t.params.rfc6381()),
            width: size.map(|s| s.0),
            height: size.map(|s| s.1),
            bitrate: if phase.state == State::Running { self.vitals.bitrate() } else { 0 },
            bytes: self.vitals.bytes(),
            packets_lost: self.vitals.packets_lost(),
        }
    }
}
