//! From a stream's hub to a viewer's WebRTC session: his position, his packets' numbers and times, and how much at once. The
//! payloads are shared by all; only numbers, marks and the key that the session encrypts with are his.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use media::frame::TrackId;
use media::hub::{Budget, Delivery, Hub, Published, Start, Subscriber};
use media::mark::{MarkKey, SessionMark, Slot};
use media::rtp::Payload;
use str0m::Rtc;
use str0m::media::{MediaTime, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite};

use super::pace::Pace;
use crate::metrics::EgressMetrics;

/// Packets before a pause: a browser's socket holds some 200, and it reads them at its leisure.
const BURST_PACKETS: usize = 48;
/// The pause. Together: 14 MB/s.
const BURST_PAUSE: Duration = Duration::from_millis(4);
/// A browser that lost too much is sent a keyframe again no more often than this.
const RESTART_PAUSE: Duration = Duration::from_millis(1_000);

/// One track on its way out.
pub(super) struct Out {
    pub(super) track: TrackId,
    pub(super) mid: Mid,
    pub(super) pt: Pt,
    /// Of the next packet, without wrapping; the first is below 65536, which is where the other side begins to count.
    pub(super) sequence: u64,
}

/// What a feed is made of.
pub(super) struct Source {
    pub(super) hub: Arc<Hub>,
    pub(super) budget: Budget,
    pub(super) marks: MarkKey,
    pub(super) session: SessionMark,
    pub(super) metrics: EgressMetrics,
}

/// A viewer's feed.
pub(super) struct Feed {
    source: Source,
    subscriber: Subscriber,
    video: Out,
    audio: Option<Out>,
    /// Taken from the hub, and not written yet.
    held: VecDeque<Arc<Published>>,
    held_bytes: u64,
    /// Packets of the first one held that were written.
    written: usize,
    /// He is on his way from a keyframe of the past to the present.
    pace: Option<Pace>,
    /// Nothing was written since he began, or began again.
    beginning: bool,
    began: Duration,
    /// Ticks of the newest picture that was written.
    newest: Option<i64>,
    next_burst: Duration,
}

/// What a turn wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// There is nothing more.
    AtEnd,
    /// More may be written then.
    Until(Duration),
    /// The stream is another one now.
    Over,
}

impl Feed {
    /// At the newest keyframe.
    pub(super) fn new(source: Source, video: Out, audio: Option<Out>, now: Duration) -> Self {
        Self {
            subscriber: source.hub.subscribe(Start::LastKeyframe, source.budget),
            source,
            video,
            audio,
            held: VecDeque::new(),
            held_bytes: 0,
            written: 0,
            pace: None,
            beginning: true,
            began: now,
            newest: None,
            next_burst: Duration::ZERO,
        }
    }

    /// He has lost more than can be sent again: from the newest keyframe once more. False where he was helped just now, or is
    /// being helped.
    pub(super) fn restart(&mut self, now: Duration) -> bool {
        let helped = self.pace.is_some() || self.beginning || now.saturating_sub(self.began) < RESTART_PAUSE;
        if !helped {
            self.begin_again(now);
        }
        !helped
    }

    fn begin_again(&mut self, now: Duration) {
        self.subscriber = self.source.hub.subscribe(Start::LastKeyframe, self.source.budget);
        self.held.clear();
        (self.held_bytes, self.written, self.pace, self.beginning, self.began) = (0, 0, None, true, now);
    }

    /// Waits for the next frame, where nothing else is waited for.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        loop {
            match std::task::ready!(self.subscriber.poll_next(cx)) {
                Some(Delivery::Frame(published)) => {
                    self.hold(published);
                    return Poll::Ready(Some(()));
                }
                Some(Delivery::Lagged { frames, why }) => self.source.metrics.skipped(why, frames),
                None => return Poll::Ready(None),
            }
        }
    }

    fn hold(&mut self, published: Arc<Published>) {
        self.held_bytes += published.frame.payload.len() as u64;
        self.held.push_back(published);
    }

    /// Takes all that the hub has: whoever is made to wait must not lose what he waits for. Who waits for too much begins again.
    fn take_all(&mut self, now: Duration) {
        while let Some(delivery) = self.subscriber.try_next() {
            match delivery {
                Delivery::Frame(published) => self.hold(published),
                Delivery::Lagged { frames, why } => self.source.metrics.skipped(why, frames),
            }
        }
        if self.held_bytes > self.source.budget.bytes_max && !self.beginning {
            self.source.metrics.skipped(media::hub::Lag::Bytes, self.held.len() as u64);
            self.begin_again(now);
        }
    }

    /// Writes what is due.
    pub(super) fn write(&mut self, rtc: &mut Rtc, now: Duration, at: Instant) -> Fed {
        if now < self.next_burst {
            return Fed::Until(self.next_burst);
        }
        self.take_all(now);
        let mut room = BURST_PACKETS;
        while let Some(published) = self.held.front().cloned() {
            if let Some(until) = self.waits_for(&published, now) {
                return Fed::Until(until);
            }
            if !self.is_described(&published) {
                return Fed::Over;
            }
            if !self.write_frame(rtc, &published, at, &mut room) {
                self.next_burst = now + BURST_PAUSE;
                return Fed::Until(self.next_burst);
            }
            self.held.pop_front();
            self.held_bytes -= published.frame.payload.len() as u64;
            self.written = 0;
        }
        Fed::AtEnd
    }

    /// When this frame is due, where that is not now.
    fn waits_for(&mut self, published: &Published, now: Duration) -> Option<Duration> {
        let frame = &published.frame;
        if frame.track != self.video.track {
            return None;
        }
        if std::mem::take(&mut self.beginning) {
            let there = self.held.iter().filter(|other| other.frame.track == frame.track).map(|other| other.frame.pts);
            let newest = there.chain(self.newest).max().unwrap_or(frame.pts);
            // Who begins at the newest frame of all has nothing to catch up with.
            let behind = newest > frame.pts || self.newest.is_some_and(|sent| sent >= frame.pts);
            let clock_rate = published.info.track(frame.track).map_or(0, |track| track.clock_rate);
            self.pace = behind.then(|| Pace::new(now, frame.pts, newest, clock_rate));
        }
        let pace = self.pace?;
        if pace.is_over(frame.pts) {
            self.pace = None;
            return None;
        }
        Some(pace.due(frame.pts)).filter(|due| *due > now)
    }

    /// It is of the kind that was agreed on.
    fn is_described(&self, published: &Published) -> bool {
        let kind = |track: &media::frame::Track| track.params.is_video();
        published.info.track(self.video.track).is_some_and(kind)
    }

    /// Writes what is left of a frame; false where the room did not do for it.
    fn write_frame(&mut self, rtc: &mut Rtc, published: &Published, at: Instant, room: &mut usize) -> bool {
        let frame = &published.frame;
        let is_video = frame.track == self.video.track;
        // Sound of the past is of no use to anybody.
        let is_due = is_video || self.pace.is_none() && !self.beginning;
        let out = match &mut self.audio {
            _ if is_video => &mut self.video,
            Some(audio) if audio.track == frame.track && is_due => audio,
            _ => return true,
        };
        let ticks = self.pace.map_or(frame.pts, |pace| pace.ticks(frame.pts));
        let moved = ticks.wrapping_sub(frame.pts) as u32;
        let timestamp = published.rtp.timestamp.wrapping_add(moved);
        let built = &self.source.metrics.built;
        let payloads = published.payloads(|bytes| built.payloads(bytes));
        let (before, slot, behind) = payloads.parts();
        let own = slot.map(|slot| own_payload(slot, &self.source, published));
        let all = before.iter().chain(&own).chain(behind);
        let mut direct = rtc.direct_api();
        let Some(stream) = direct.stream_tx_by_mid(out.mid, None) else { return true };
        for payload in all.skip(self.written) {
            let Some(left) = room.checked_sub(1) else { return false };
            *room = left;
            let write = RtpWrite::new(
                out.pt,
                out.sequence.into(),
                timestamp.wrapping_add(payload.ticks),
                at,
                Arc::clone(&payload.bytes),
            );
            let write = write.marker(payload.marker).nackable(is_video);
            stream.write_rtp(if is_video { write.ext_vals(at_once()) } else { write });
            out.sequence += 1;
            self.written += 1;
        }
        if is_video {
            self.newest = Some(self.newest.map_or(ticks, |newest| newest.max(ticks)));
        }
        true
    }
}

/// The packet with the viewer's mark.
fn own_payload(slot: &Slot, source: &Source, published: &Published) -> Payload {
    let marked = slot.filled(&source.marks.write(source.session, published.frame.wall));
    source.metrics.built.marks(marked.bytes().len());
    Payload { bytes: Arc::from(marked.bytes()), marker: false, ticks: 0 }
}

/// Tells the browser to show each picture as it comes.
fn at_once() -> ExtensionValues {
    ExtensionValues {
        play_delay_min: Some(MediaTime::ZERO),
        play_delay_max: Some(MediaTime::ZERO),
        ..Default::default()
    }
}
