//! A viewer's task on his stream's core: it drives his WebRTC session, feeds it, and ends it for whatever reason comes first.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Event, Input, Output, Rtc};
use tokio::sync::Notify;
use tokio::time::Sleep;

use super::desk::Entry;
use super::feed::{Fed, Feed};
use super::metrics::Metrics;
use super::outbound::{Outbound, is_media};
use super::port::{Berth, Datagram};
use crate::admission::Admitted;
use crate::core::Local;
use crate::egress::Stage;
use crate::lease::EndReason;

/// A browser must have connected by then.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A browser that is not heard of for this long is gone: it sends a check every 2.5 s, and reports in between.
const SILENCE_MAX: Duration = Duration::from_secs(12);
/// Rounds of output after the end: a word on the data channel, a goodbye, the end of DTLS.
const LAST_ROUNDS: usize = 32;
/// The data channel on which a page is told why it is over.
const CHANNEL: &str = "sluice";

/// Everything of one viewer.
pub(super) struct Viewer {
    pub(super) stage: Arc<Stage>,
    pub(super) metrics: Metrics,
    pub(super) admitted: Admitted,
    pub(super) rtc: Rtc,
    /// When the session began, by its own clock and by the house's.
    pub(super) began: (Instant, Duration),
    pub(super) berth: Berth,
    pub(super) candidates: Vec<std::net::SocketAddr>,
    /// Makes the feed once he is connected.
    pub(super) make_feed: Box<dyn Fn(Duration) -> Feed + Send>,
    pub(super) leave: Arc<Notify>,
    /// His entry in the list of viewers, for as long as he is here.
    pub(super) entry: Entry,
}

/// Why it is over.
enum End {
    Told(EndReason),
    /// He left, by DELETE or by closing the connection.
    Left,
    Gone(&'static str),
    CameraLost,
}

struct Running {
    viewer: Viewer,
    feed: Option<Feed>,
    outbound: Outbound,
    local: Rc<Local>,
    heard_at: Duration,
    channel: Option<ChannelId>,
}

impl Viewer {
    /// Runs to the end.
    pub(super) async fn run(self, local: Rc<Local>) {
        let heard_at = self.began.1;
        let outbound = Outbound::default();
        let mut running = Running { viewer: self, feed: None, outbound, local, heard_at, channel: None };
        let end = running.run().await;
        running.farewell(&end);
    }
}

impl Running {
    async fn run(&mut self) -> End {
        let leave = Arc::clone(&self.viewer.leave);
        let mut timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        let mut fed = Fed::AtEnd;
        loop {
            if let Err(end) = self.turn(timer.as_mut(), &mut fed) {
                return end;
            }
            let feed = &mut self.feed;
            let frame = poll_fn(|cx| match feed {
                Some(feed) if fed == Fed::AtEnd => feed.poll_frame(cx),
                _ => std::task::Poll::Pending,
            });
            tokio::select! {
                biased;
                reason = self.viewer.admitted.ended() => return End::Told(reason),
                () = leave.notified() => return End::Left,
                datagram = self.viewer.berth.incoming.recv() => {
                    let Some(datagram) = datagram else { return End::Gone("the port is closed") };
                    if let Err(end) = self.receive(&datagram) {
                        return end;
                    }
                }
                frame = frame => if frame.is_none() { return End::CameraLost },
                () = timer.as_mut() => {}
            }
        }
    }

    /// Does what is due, sends what comes of it, and sets the timer for what is due next.
    fn turn(&mut self, timer: Pin<&mut Sleep>, fed: &mut Fed) -> Result<(), End> {
        let now = self.now();
        if let Some(reason) = self.viewer.admitted.end_reason() {
            return Err(End::Told(reason));
        }
        let patience = if self.feed.is_some() { SILENCE_MAX } else { CONNECT_TIMEOUT };
        let gone_at = self.heard_at + patience;
        if now >= gone_at {
            return Err(End::Gone(if self.feed.is_some() { "not heard of any more" } else { "never connected" }));
        }
        let mut due = gone_at;
        let at = self.instant(now);
        if let Some(feed) = &mut self.feed {
            *fed = feed.write(&mut self.viewer.rtc, now, at);
            match *fed {
                Fed::Until(until) => due = due.min(until),
                Fed::Over => return Err(End::CameraLost),
                Fed::AtEnd => {}
            }
        }
        let broken = |error: str0m::RtcError| {
            tracing::debug!(%error, "a WebRTC session broke");
            End::Gone("the session broke")
        };
        self.viewer.rtc.handle_input(Input::Timeout(at)).map_err(broken)?;
        let next = self.drain(now)?;
        due = due.min(self.since(next));
        timer.reset(tokio::time::Instant::now() + due.saturating_sub(now));
        Ok(())
    }

    /// Takes the session's output until it waits for the time that is given back.
    fn drain(&mut self, now: Duration) -> Result<Instant, End> {
        loop {
            match self.viewer.rtc.poll_output() {
                Ok(Output::Timeout(next)) => {
                    self.send();
                    // An event may have begun the feed.
                    return Ok(next);
                }
                Ok(Output::Transmit(datagram)) => self.outbound.push(datagram),
                Ok(Output::Event(event)) => self.event(event, now)?,
                Err(error) => {
                    tracing::debug!(%error, "a WebRTC session broke");
                    return Err(End::Gone("the session broke"));
                }
            }
        }
    }

    fn event(&mut self, event: Event, now: Duration) -> Result<(), End> {
        match event {
            Event::Connected if self.feed.is_none() => self.feed = Some((self.viewer.make_feed)(now)),
            Event::KeyframeRequest(_) if self.feed.as_mut().is_some_and(|feed| feed.restart(now)) => {
                self.viewer.metrics.restarts.inc();
            }
            Event::ChannelOpen(id, label) if label == CHANNEL => self.channel = Some(id),
            Event::Closed => return Err(End::Left),
            _ => {}
        }
        Ok(())
    }

    /// A datagram that is for him by its name or its source; whether he really sent it is the session's to tell.
    fn receive(&mut self, datagram: &Datagram) -> Result<(), End> {
        let now = self.now();
        let at = self.instant(now);
        let Some(to) = self.destination(datagram.from) else { return Ok(()) };
        let Ok(received) = Receive::new(Protocol::Udp, datagram.from, to, &datagram.bytes) else { return Ok(()) };
        let input = Input::Receive(at, received);
        if !self.viewer.rtc.accepts(&input) {
            return Ok(());
        }
        self.heard_at = now;
        self.viewer.berth.hear_from(datagram.from);
        self.viewer.rtc.handle_input(input).map_err(|error| {
            tracing::debug!(%error, "a viewer's datagram was not understood");
            End::Gone("the session broke")
        })
    }

    /// Which of our addresses he must have sent it to.
    fn destination(&self, from: std::net::SocketAddr) -> Option<std::net::SocketAddr> {
        let candidates = &self.viewer.candidates;
        let same_host = candidates.iter().find(|to| to.ip() == from.ip());
        let same_family = || candidates.iter().find(|to| to.is_ipv4() == from.is_ipv4());
        same_host.or_else(same_family).copied()
    }

    /// Hands the outbound datagrams to the kernel; media only while he may have it.
    fn send(&mut self) {
        if self.outbound.is_empty() {
            return;
        }
        let viewer = &self.viewer;
        let media = self.outbound.media_bytes();
        let sends = self.outbound.send(viewer.berth.port(), &mut self.local.engine().borrow_mut(), &viewer.metrics);
        if media > 0 {
            viewer.admitted.sent(media);
            viewer.stage.metrics.sends.inc_by(sends);
            viewer.stage.metrics.whep_bytes.inc_by(media);
        }
    }

    /// Says why, and ends the session in order. No media leaves any more.
    fn farewell(mut self, end: &End) {
        let reason = end.reason();
        if let End::Gone(what) = end {
            tracing::debug!(what, session = ?self.viewer.admitted.session(), "a WebRTC viewer is gone");
        }
        if let Some(mut channel) = self.channel.and_then(|id| self.viewer.rtc.channel(id)) {
            let _ = channel.write(false, media::mse::ended(reason.as_str()).as_bytes());
        }
        let now = self.instant(self.now());
        let _ = self.viewer.rtc.handle_input(Input::Timeout(now));
        self.last_words();
        if self.viewer.rtc.close().is_ok() {
            self.last_words();
        }
        let Viewer { admitted, entry, .. } = self.viewer;
        match end {
            End::CameraLost => admitted.end_session(reason),
            End::Told(_) | End::Left | End::Gone(_) => admitted.leave(reason),
        }
        drop(entry);
    }

    fn last_words(&mut self) {
        for _ in 0..LAST_ROUNDS {
            match self.viewer.rtc.poll_output() {
                Ok(Output::Transmit(datagram)) if !is_media(&datagram) => self.outbound.push(datagram),
                Ok(Output::Timeout(_)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let viewer = &self.viewer;
        self.outbound.send(viewer.berth.port(), &mut self.local.engine().borrow_mut(), &viewer.metrics);
    }

    fn now(&self) -> Duration {
        self.local.clock().monotonic()
    }

    fn instant(&self, now: Duration) -> Instant {
        self.viewer.began.0 + now.saturating_sub(self.viewer.began.1)
    }

    fn since(&self, at: Instant) -> Duration {
        self.viewer.began.1 + at.saturating_duration_since(self.viewer.began.0)
    }
}

impl End {
    fn reason(&self) -> EndReason {
        match self {
            Self::Told(reason) => *reason,
            Self::Left => EndReason::User,
            Self::Gone(_) => EndReason::Network,
            Self::CameraLost => EndReason::CameraLost,
        }
    }
}
