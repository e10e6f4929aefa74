//! A viewer's frames out of the hub: its tracks alone, from a keyframe on, until the stream becomes another one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use media::codec::CodecParams;
use media::frame::{StreamInfo, TrackId};
use media::hub::{Budget, Delivery, Hub, Published, Start, Subscriber};
use media::rtsp::RtpStart;

use crate::metrics::EgressMetrics;

/// Frames looked at before PLAY is answered, to find where each track begins: a second of video and audio. More would
/// hold frames that the hub no longer counts.
const LOOKAHEAD_FRAMES_MAX: usize = 64;

pub(super) struct Feed {
    subscriber: Subscriber,
    tracks: Vec<TrackId>,
    /// Frames that were looked at ahead.
    held: VecDeque<Arc<Published>>,
    info: Arc<StreamInfo>,
    metrics: EgressMetrics,
}

/// What a viewer gets next.
pub(super) enum Next {
    Frame(Arc<Published>),
    /// The stream is over for good, or is no longer what was described.
    Over,
}

impl Feed {
    /// Begins at the newest keyframe, or the next where the hub holds none, if one of the tracks is video.
    pub(super) fn begin(
        hub: &Arc<Hub>,
        info: Arc<StreamInfo>,
        tracks: Vec<TrackId>,
        budget: Budget,
        metrics: EgressMetrics,
    ) -> Self {
        let has_video = tracks.iter().any(|id| info.track(*id).is_some_and(|t| t.params.is_video()));
        let start = if has_video { Start::LastKeyframe } else { Start::Live };
        let subscriber = hub.subscribe(start, budget);
        Self { subscriber, tracks, held: VecDeque::new(), info, metrics }
    }

    /// Where each track begins, as far as the hub knows by now.
    pub(super) fn look_ahead(&mut self) -> Vec<RtpStart> {
        let mut starts: Vec<_> = self.tracks.iter().map(|track| RtpStart { track: *track, first: None }).collect();
        while self.held.len() < LOOKAHEAD_FRAMES_MAX && starts.iter().any(|s| s.first.is_none()) {
            // Another kind of stream is found again by the first frame after these.
            let Some(Next::Frame(frame)) = self.try_next_from_hub() else { break };
            let first = Some((frame.rtp.first_sequence, frame.rtp.timestamp));
            if let Some(start) = starts.iter_mut().find(|s| s.track == frame.frame.track && s.first.is_none()) {
                start.first = first;
            }
            self.held.push_back(frame);
        }
        starts
    }

    /// What is there already. The end of the stream is for `next` to tell.
    pub(super) fn try_next(&mut self) -> Option<Next> {
        self.held.pop_front().map(Next::Frame).or_else(|| self.try_next_from_hub())
    }

    /// The next frame, or a wake-up once it is there. Nothing is lost by not asking again.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Some(frame) = self.held.pop_front() {
            return Poll::Ready(Next::Frame(frame));
        }
        loop {
            let Some(delivery) = ready!(self.subscriber.poll_next(cx)) else { return Poll::Ready(Next::Over) };
            if let Some(next) = self.accept(delivery) {
                return Poll::Ready(next);
            }
        }
    }

    fn try_next_from_hub(&mut self) -> Option<Next> {
        loop {
            let delivery = self.subscriber.try_next()?;
            if let Some(next) = self.accept(delivery) {
                return Some(next);
            }
        }
    }

    fn accept(&mut self, delivery: Delivery) -> Option<Next> {
        let published = match delivery {
            Delivery::Frame(published) => published,
            Delivery::Lagged { frames } => {
                self.metrics.skips.inc();
                self.metrics.frames_skipped.inc_by(frames);
                return None;
            }
        };
        if !Arc::ptr_eq(&published.info, &self.info) {
            if !is_same_kind(&published.info, &self.info) {
                return Some(Next::Over);
            }
            self.info = Arc::clone(&published.info);
        }
        if !self.tracks.contains(&published.frame.track) {
            return None;
        }
        Some(Next::Frame(published))
    }
}

/// The same tracks in the same order with the same payload formats, so that a description given before still holds.
/// Parameter sets may differ: they are sent with the frames.
pub(super) fn is_same_kind(a: &StreamInfo, b: &StreamInfo) -> bool {
    a.tracks.len() == b.tracks.len()
        && a.tracks.iter().zip(&b.tracks).all(|(a, b)| {
            let in_frames = matches!(a.params, CodecParams::H264(_) | CodecParams::H265(_) | CodecParams::Mjpeg(_));
            a.clock_rate == b.clock_rate
                && std::mem::discriminant(&a.params) == std::mem::discriminant(&b.params)
                && (in_frames || a.params == b.params)
        })
}
