//! Pulls one RTSP presentation of a camera and publishes its frames into the stream's hub, one connection after the other.
//! When to dial again is the fleet's to decide; nothing here waits for a viewer.

mod connection;
mod conversation;
mod datagrams;
mod dial;
mod errors;
mod login;
mod overseer;
mod reason;
mod sdp;
mod source;
mod tracks;
mod vitals;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use media::frame::StreamInfo;
use media::hub::Hub;
use media::wall::{Clock, Wall};

use crate::core::Local;
pub use connection::Connection;
pub use errors::IngestErrors;
pub use reason::Reason;
pub use source::{BadSource, Credentials, LOGIN_BYTES_MAX, Source, Transport, URL_BYTES_MAX};
use tracks::Lines;
pub use vitals::Vitals;

/// Longest detail that a failure carries: some of it is the camera's own words.
const DETAIL_CHARS_MAX: usize = 256;

/// Time-outs of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestConfig {
    /// From the first SYN to the answer to PLAY.
    pub dial_timeout: Duration,
    /// From the answer to PLAY to the first packet.
    pub first_packet_timeout: Duration,
    /// From the answer to PLAY to the first keyframe with its parameter sets. Cameras with "smart" codecs send a keyframe
    /// every 10 to 20 s.
    pub first_keyframe_timeout: Duration,
    /// Longest silence of the video, whatever else still flows.
    pub stall_timeout: Duration,
}

impl Default for IngestConfig {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            dial_timeout: seconds(10),
            first_packet_timeout: seconds(10),
            first_keyframe_timeout: seconds(30),
            stall_timeout: seconds(10),
        }
    }
}

/// How a connection failed: the word for it and the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The word.
    pub reason: Reason,
    /// The story, on one line.
    pub detail: String,
}

impl Failure {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self { reason, detail: detail.chars().filter(|c| !c.is_control()).take(DETAIL_CHARS_MAX).collect() }
    }

    fn of_io(error: &std::io::Error) -> Self {
        Self::new(Reason::of_io(error), error.to_string())
    }

    fn of_connect(error: &std::io::Error) -> Self {
        Self::new(Reason::of_connect(error), error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl std::error::Error for Failure {}

/// What outlives the connections of one stream: its hub, its lines of time and its description.
pub struct Ingest {
    hub: Arc<Hub>,
    vitals: Arc<Vitals>,
    config: IngestConfig,
    errors: IngestErrors,
    clock: Arc<dyn Clock>,
    local: Rc<Local>,
    lines: Lines,
    info: Option<Arc<StreamInfo>>,
}

impl Ingest {
    /// For a stream that was never connected, on this core.
    pub fn new(
        hub: Arc<Hub>,
        vitals: Arc<Vitals>,
        config: IngestConfig,
        errors: IngestErrors,
        local: &Rc<Local>,
    ) -> Self {
        let clock = Arc::clone(local.clock());
        Self { hub, vitals, config, errors, clock, local: Rc::clone(local), lines: Lines::default(), info: None }
    }

    /// Connects, describes, sets up and plays, within `dial_timeout`.
    pub async fn dial(&mut self, source: &Source) -> Result<Connection<'_>, Failure> {
        let dialed = tokio::time::timeout(self.config.dial_timeout, dial::dial(source, &self.errors)).await;
        let dialed = dialed.map_err(|_| {
            Failure::new(Reason::Timeout, format!("no answer to PLAY within {:?}", self.config.dial_timeout))
        })??;
        Ok(Connection::new(self, dialed))
    }

    fn arrival(&self) -> Wall {
        self.clock.wall()
    }
}
