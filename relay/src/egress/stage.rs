//! What every way out of the relay needs of the house: who may watch, what there is to watch, and where and how it is sent. Made
//! once; each protocol is handed the same.

use std::sync::Arc;

use media::frame::StreamInfo;
use media::hub::{Budget, Delivery, Start};
use media::mark::MarkKey;
use media::wall::Clock;

use super::fan::FanParts;
use crate::admission::Admitted;
use crate::config::Config;
use crate::core::Cores;
use crate::directory::{Stream, Streams};
use crate::lease::{Content, Leases};
use crate::metrics::EgressMetrics;

/// What every way out has in common.
pub struct Stage {
    /// Settings.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who may watch.
    pub leases: Arc<Leases>,
    /// What there is to watch.
    pub streams: Arc<Streams>,
    /// Where it is sent.
    pub cores: Arc<Cores>,
    /// What copies are marked with.
    pub marks: MarkKey,
    /// What is counted.
    pub metrics: EgressMetrics,
}

impl Stage {
    /// The live stream that somebody was admitted to; none for a recording, or where the camera is not pulled now.
    pub fn live(&self, admitted: &Admitted) -> Option<Stream> {
        match admitted.content() {
            Content::Live(key) => self.streams.lookup(key),
            Content::Playback { .. } => None,
        }
    }

    /// What the stream holds; waits a little for a camera that was just dialled and has not said it yet.
    pub(super) async fn description(&self, stream: &Stream) -> Option<Arc<StreamInfo>> {
        if let Some(info) = stream.hub.info() {
            return Some(info);
        }
        let mut reader = stream.hub.subscribe(Start::Live, Budget::default());
        let first = async {
            loop {
                if let Delivery::Frame(published) = reader.next().await? {
                    return Some(Arc::clone(&published.info));
                }
            }
        };
        tokio::time::timeout(self.config.describe_timeout, first).await.ok().flatten()
    }

    /// How far a viewer may fall behind before he skips to a keyframe.
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            bytes_max: self.config.viewer_behind_bytes_max,
            age_micros_max: i64::try_from(self.config.viewer_behind_max.as_micros()).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn fan_parts(&self) -> FanParts {
        FanParts {
            marks: self.marks.clone(),
            metrics: self.metrics.clone(),
            budget: self.budget(),
            stuck_timeout: self.config.stuck_timeout,
        }
    }
}
