//! From a stream to its viewers on one core. One reader of the hub is woken for all of them; each frame that comes goes in one
//! turn to every viewer in step, a send each, shared bytes around his own mark. Who is not in step (a beginner, a slow one) reads the hub
//! from a position of his own, at his own pace, and delays nobody.
//!
//! Everything here runs on the core's thread. Deliberately absent: what a viewer asks for and whether he may.

mod alone;
mod catch_up;
mod chunks;
mod draft;
mod merge;
mod outbox;
mod packaging;
mod reports;
mod seat;
mod turn;
mod udp;
mod window;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use media::frame::{StreamInfo, TrackId};
use media::hub::{Budget, Delivery, Hub, Start, Subscriber};
use media::id::StreamKey;
use media::mark::MarkKey;
use media::rtsp::RtpStart;
use smallvec::SmallVec;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use uring::Outcome;

use crate::admission::Admitted;
use crate::core::Local;
use crate::directory::Stream;
use crate::metrics::EgressMetrics;
use crate::tls::Secure;
use draft::Draft;
use merge::Pressure;
pub(crate) use reports::Reporter;
pub(crate) use seat::{Attention, Seat, Trouble};
use seat::{Mode, Play};
use udp::{Pairs, Udp};
use window::Window;

/// How often each viewer is looked at for what is due by the clock: reports, and whether he takes what is sent.
const SWEEP: Duration = Duration::from_millis(500);

/// What all fans of a relay have in common.
#[derive(Clone)]
pub(crate) struct FanParts {
    pub(crate) marks: MarkKey,
    pub(crate) metrics: EgressMetrics,
    /// How far a viewer may fall behind.
    pub(crate) budget: Budget,
    /// How long he may take over what was handed to him.
    pub(crate) stuck_timeout: Duration,
}

/// The fans of one core.
#[derive(Default)]
pub(crate) struct Fans(RefCell<HashMap<StreamKey, Weak<Fan>>>);

/// One stream's viewers on one core.
pub(crate) struct Fan {
    hub: Arc<Hub>,
    local: Rc<Local>,
    parts: FanParts,
    pressure: Rc<Pressure>,
    state: RefCell<State>,
    /// Wakes the pump, while there is one.
    pump: RefCell<Option<Waker>>,
}

#[derive(Default)]
struct State {
    /// The reader that is woken for all; there while somebody plays.
    subscriber: Option<Subscriber>,
    window: Window,
    seats: Vec<Rc<Seat>>,
    next_sweep: Duration,
    /// When the pump is woken at the latest.
    alarm: Duration,
    // Kept from turn to turn for their memory.
    draft: Draft,
    outcomes: Vec<Outcome>,
    late: Vec<Rc<Seat>>,
}

impl Fans {
    /// The fan of a stream; made where there is none.
    pub(crate) fn of(&self, stream: &Stream, local: &Rc<Local>, parts: impl FnOnce() -> FanParts) -> Rc<Fan> {
        let mut fans = self.0.borrow_mut();
        let found = fans.get(&stream.key).and_then(Weak::upgrade);
        // A stream that was removed and added again under its name has another hub.
        if let Some(fan) = found.filter(|fan| Arc::ptr_eq(&fan.hub, &stream.hub)) {
            return fan;
        }
        fans.retain(|_, fan| fan.strong_count() > 0);
        let fan = Fan::new(stream, local, parts());
        fans.insert(stream.key.clone(), Rc::downgrade(&fan));
        fan
    }
}

impl Fan {
    /// A fan for the one viewer of a stream that nobody else knows of. He is never behind: its publisher waits for him.
    pub(crate) fn alone(stream: &Stream, local: &Rc<Local>, parts: FanParts) -> Rc<Self> {
        Self::new(stream, local, FanParts { budget: Budget::default(), ..parts })
    }

    fn new(stream: &Stream, local: &Rc<Local>, parts: FanParts) -> Rc<Self> {
        Rc::new(Self {
            hub: Arc::clone(&stream.hub),
            local: Rc::clone(local),
            parts,
            pressure: local.common(|| Pressure::new(local.clock().monotonic())),
            state: RefCell::default(),
            pump: RefCell::default(),
        })
    }

    /// A seat for a viewer who does not play yet.
    pub(crate) fn seat(&self, socket: TcpStream, secure: Option<Secure>, admitted: Admitted) -> Rc<Seat> {
        Seat::new(socket, secure, admitted, &self.local.engine().borrow())
    }

    /// Sends words of the server, behind what is owed already.
    pub(crate) fn say(&self, seat: &Seat, bytes: Bytes) {
        let flow = &mut *seat.flow.borrow_mut();
        flow.owe(bytes, false);
        if !matches!(flow.mode, Mode::Full { .. }) {
            self.catch_up(seat, flow, self.now());
        }
    }

    /// Aims a track at his own UDP ports. Gives ours.
    pub(crate) fn aim(
        &self,
        seat: &Seat,
        track: TrackId,
        viewer: IpAddr,
        ports: (u16, u16),
        range: (u16, u16),
    ) -> std::io::Result<(u16, u16)> {
        let flow = &mut *seat.flow.borrow_mut();
        if flow.udp.is_none() {
            let local = seat.socket.local_addr()?.ip();
            let pair = self.local.common(Pairs::default).at(local, range, self.local.clock())?;
            flow.udp = Some(Udp::new(pair));
        }
        let udp = flow.udp.as_mut().expect("it was made just now");
        udp.aim(track, viewer, ports.0, ports.1);
        Ok(udp.ports())
    }

    /// He wants this track when he plays.
    pub(crate) fn set_up(&self, seat: &Seat, track: TrackId) {
        let reporters = &mut seat.flow.borrow_mut().reporters;
        reporters.retain(|r| r.track != track);
        reporters.push(Reporter::new(track));
    }

    /// Finds where he will begin: at the newest keyframe. `start` sets off. None where nothing that he set up carries a mark:
    /// a copy without one must not leave.
    pub(crate) fn cue(&self, seat: &Seat, info: Arc<StreamInfo>) -> Option<Vec<RtpStart>> {
        let flow = &mut *seat.flow.borrow_mut();
        let tracks = flow.marked_tracks(&info)?;
        let cursor = self.hub.cursor(Start::LastKeyframe, self.parts.budget);
        let mut play = Play { cursor, tracks, info, held: Default::default(), pace: None, missed: 0 };
        let starts = self.look_ahead(&mut play);
        flow.play = Some(play);
        Some(starts)
    }

    /// Frames flow from now on.
    pub(crate) fn start(self: &Rc<Self>, seat: &Rc<Seat>) {
        let state = &mut *self.state.borrow_mut();
        seat.flow.borrow_mut().mode = Mode::Turn;
        if seat.place.get().is_none() {
            seat.place.set(Some(state.seats.len()));
            state.seats.push(Rc::clone(seat));
        }
        if state.subscriber.is_none() {
            state.subscriber = Some(self.hub.subscribe(Start::Live, Budget::default()));
            state.alarm = self.now() + SWEEP;
            let fan = Rc::clone(self);
            tokio::task::spawn_local(async move {
                let mut timer = Box::pin(tokio::time::sleep(SWEEP));
                poll_fn(|cx| fan.poll(timer.as_mut(), cx)).await;
            });
        }
        self.wake();
    }

    /// No frame leaves any more; what a part of has left is ended with that frame.
    pub(crate) fn stop(&self, seat: &Seat) {
        let state = &mut *self.state.borrow_mut();
        if let Some(place) = seat.place.take() {
            state.seats.swap_remove(place);
            if let Some(moved) = state.seats.get(place) {
                moved.place.set(Some(place));
            }
        }
        let flow = &mut *seat.flow.borrow_mut();
        flow.play = None;
        flow.udp.iter_mut().for_each(Udp::forget);
        self.wake();
    }

    /// Forgets what he set up.
    pub(crate) fn tear_down(&self, seat: &Seat) {
        self.stop(seat);
        let flow = &mut *seat.flow.borrow_mut();
        flow.reporters.clear();
        flow.udp = None;
    }

    /// His socket has room again.
    pub(crate) fn resume(&self, seat: &Seat) {
        let flow = &mut *seat.flow.borrow_mut();
        self.catch_up(seat, flow, self.now());
        if flow.mode == Mode::Live || flow.mode == Mode::Turn {
            self.wake();
        }
    }

    fn now(&self) -> Duration {
        self.local.clock().monotonic()
    }

    fn wake(&self) {
        if let Some(waker) = self.pump.borrow_mut().take() {
            waker.wake();
        }
    }

    /// The pump: ready once nobody plays any more.
    fn poll(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.state.borrow_mut();
        if state.seats.is_empty() {
            *state = State::default();
            return Poll::Ready(());
        }
        *self.pump.borrow_mut() = Some(cx.waker().clone());
        let now = self.now();
        let (frames, over) = state.take_frames(now, cx);
        if now >= state.next_sweep {
            state.next_sweep = now + SWEEP;
            self.sweep(&state.seats, now);
        }
        let due = self.turn(state, frames, now);
        if over {
            state.seats.iter().for_each(|seat| seat.trouble(Trouble::Over));
        }
        let due = due.min(state.next_sweep);
        // Set anew only where it would come too late: to set it costs more than to look once too often.
        if due < state.alarm || timer.is_elapsed() {
            state.alarm = due;
            timer.as_mut().reset(tokio::time::Instant::now() + due.saturating_sub(now));
        }
        // Due already: others on this core get their turn first.
        if timer.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Reports that are due, and viewers that take nothing.
    fn sweep(&self, seats: &[Rc<Seat>], now: Duration) {
        for seat in seats {
            let flow = &mut *seat.flow.borrow_mut();
            if matches!(flow.mode, Mode::Full { since, .. } if now.saturating_sub(since) > self.parts.stuck_timeout) {
                seat.trouble(Trouble::TooSlow);
                continue;
            }
            let mut owed = SmallVec::<[Bytes; 2]>::new();
            for reporter in &mut flow.reporters {
                let Some(report) = reporter.take(now) else { continue };
                match &flow.udp {
                    Some(udp) if udp.report(reporter.track, &report).is_err() => self.parts.metrics.udp_errors.inc(),
                    Some(_) => {}
                    None => owed.push(reports::interleaved(reporter.track, &report)),
                }
            }
            if !owed.is_empty() && flow.mode == Mode::Live {
                flow.mode = Mode::Turn;
            }
            owed.into_iter().for_each(|report| flow.owe(report, false));
        }
    }
}

impl State {
    /// The frames that have come: how many, and whether the stream is over.
    fn take_frames(&mut self, now: Duration, cx: &mut Context<'_>) -> (u64, bool) {
        let Some(subscriber) = &mut self.subscriber else { return (0, false) };
        let mut frames = 0;
        loop {
            match subscriber.poll_next(cx) {
                Poll::Ready(Some(Delivery::Frame(published))) => {
                    self.window.push(published, now);
                    frames += 1;
                }
                // This core did not keep up. Its viewers are told, each by his own position in the hub.
                Poll::Ready(Some(Delivery::Lagged { .. })) => {}
                Poll::Ready(None) => return (frames, true),
                Poll::Pending => return (frames, false),
            }
        }
    }
}
