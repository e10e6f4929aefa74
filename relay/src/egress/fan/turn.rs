//! One turn: what has come goes to every viewer in step, in as few calls to the kernel as the engine needs.

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use media::hub::Published;
use uring::{Errno, Outcome};

use super::draft::{Draft, Order, Pen};
use super::merge::{MERGED_BYTES_MAX, SLACK};
use super::seat::{Flow, Mode, Seat, Trouble};
use super::udp::{BURST_BYTES, BURST_PAUSE};
use super::window::Window;
use super::{Fan, State};
use crate::lease::Protocol;

/// What a look at a viewer gave.
enum Look {
    /// Nothing for him now.
    Nothing,
    /// He is in step, and his frames wait for more until then.
    Waits(Duration),
    /// He is in step and gets these.
    Frames(Range<u64>),
    /// He is not in step, and it is not his time yet.
    Rests(Duration),
    /// He is not in step.
    Late,
}

impl Fan {
    /// Sends what is to be sent; `new` frames have come since the last turn. Gives when the next one is due.
    pub(super) fn turn(&self, state: &mut State, new: u64, now: Duration) -> Duration {
        let State { window, seats, draft, outcomes, late, .. } = state;
        let (mut due, mut waited_for, mut in_step) = (Duration::MAX, window.end(), 0);
        self.pressure.reckon(now, self.local.busy_share());
        for seat in seats.iter() {
            if draft.is_full() {
                self.flush(draft, window, outcomes, now);
            }
            let flow = &mut *seat.flow.borrow_mut();
            match self.look(seat, flow, window, now) {
                Look::Nothing => {}
                Look::Waits(until) => {
                    in_step += 1;
                    due = due.min(until);
                    waited_for = flow.play.as_ref().map_or(waited_for, |play| waited_for.min(play.cursor.next()));
                }
                Look::Frames(frames) => {
                    in_step += 1;
                    self.order(draft, seat, flow, window, frames, now);
                    due = due.min(flow.mode.due(now));
                }
                Look::Rests(until) => due = due.min(until),
                Look::Late => late.push(Rc::clone(seat)),
            }
        }
        self.pressure.offered(new * in_step);
        self.flush(draft, window, outcomes, now);
        window.forget_before(waited_for);
        for seat in late.drain(..) {
            let flow = &mut *seat.flow.borrow_mut();
            self.catch_up(&seat, flow, now);
            due = due.min(flow.mode.due(now));
        }
        due
    }

    fn look(&self, seat: &Seat, flow: &Flow, window: &Window, now: Duration) -> Look {
        let Some(play) = &flow.play else { return Look::Nothing };
        match flow.mode {
            Mode::Full { .. } => return Look::Nothing,
            Mode::Paced { until } if until > now => return Look::Rests(until),
            Mode::Paced { .. } | Mode::Turn => return Look::Late,
            Mode::Live => {}
        }
        let frames = play.cursor.next()..window.end();
        if frames.is_empty() || seat.admitted.has_ended() {
            return Look::Nothing;
        }
        if !play.is_in_step() || frames.start < window.begin() {
            return Look::Late;
        }
        match self.waits(seat, window, frames.start, now) {
            Some(until) => Look::Waits(until),
            None => Look::Frames(frames),
        }
    }

    /// Until when the frames from `first` on may wait for more. None: not at all.
    fn waits(&self, seat: &Seat, window: &Window, first: u64, now: Duration) -> Option<Duration> {
        let allowance = self.pressure.allowance(seat.admitted.merge_latency());
        if allowance.is_zero() {
            return None;
        }
        let (oldest, newest) = (window.arrived(first)?, window.newest()?);
        let newest_bytes = newest.published.frame.payload.len() as u64;
        let bytes = newest.published.byte_offset + newest_bytes - oldest.published.byte_offset;
        // Another one of the newest frame's size must fit.
        if bytes + newest_bytes > MERGED_BYTES_MAX {
            return None;
        }
        Some(oldest.at + allowance + SLACK).filter(|until| *until > now)
    }

    /// Notes down what one viewer gets. Whatever becomes of it, these frames are behind him: sent, owed, or the end.
    fn order(
        &self,
        draft: &mut Draft,
        seat: &Rc<Seat>,
        flow: &mut Flow,
        window: &Window,
        frames: Range<u64>,
        now: Duration,
    ) {
        draft.open(Rc::clone(seat), flow.udp.as_ref().map(|udp| Rc::clone(udp.pair())));
        let pen = Pen { key: &self.parts.marks, session: seat.admitted.mark() };
        let mut burst = BURST_BYTES;
        for index in frames {
            let (Some(published), Some(play)) = (window.frame(index), &mut flow.play) else { return };
            if !play.accepts(published) {
                return seat.trouble(Trouble::Over);
            }
            play.cursor.pass();
            if !play.wants(published) {
                continue;
            }
            if flow.udp.is_some() {
                self.order_datagrams(draft, flow, published, pen, &mut burst);
            } else {
                match flow.preface(published) {
                    Ok(preface) => preface.into_iter().for_each(|bytes| draft.add_own(flow.sealed(bytes))),
                    Err(_) => return seat.trouble(Trouble::Over),
                }
                match &mut flow.secure {
                    Some(secure) => {
                        draft.add_sealed(flow.packaging, published, &self.parts.metrics.built, pen, secure);
                    }
                    None => draft.add_image(flow.packaging, published, &self.parts.metrics.built, pen),
                }
                flow.count(published, flow.packaging.octets(published));
            }
        }
        if flow.udp.as_ref().is_some_and(|udp| udp.owes()) {
            flow.mode = Mode::Paced { until: now + BURST_PAUSE };
        }
    }

    /// A frame by UDP: what the burst allows now; the rest is owed.
    fn order_datagrams(
        &self,
        draft: &mut Draft,
        flow: &mut Flow,
        published: &Published,
        pen: Pen<'_>,
        burst: &mut usize,
    ) {
        let datagrams = published.datagrams(|bytes| self.parts.metrics.built.datagrams(bytes));
        flow.count(published, datagrams.octets(published.rtp.packets));
        let Some(udp) = &mut flow.udp else { return };
        let Some(to) = udp.destination(published.frame.track) else { return };
        for item in datagrams.items() {
            let waits = *burst == 0 || udp.owes();
            match item {
                media::rtp::Item::Slot(slot) if waits => {
                    udp.owe(bytes::Bytes::copy_from_slice(media::rtp::as_datagram(&pen.fill(slot, published))), to);
                }
                media::rtp::Item::Slot(slot) => draft.add_marked_datagram(pen.fill(slot, published), to),
                media::rtp::Item::Run(run) if waits => udp.owe(datagrams.bytes().slice(run), to),
                media::rtp::Item::Run(run) => {
                    *burst = burst.saturating_sub(run.len());
                    draft.add_run(published, run, udp.pair().send_bytes_max(), to);
                }
            }
        }
    }

    /// Hands the draft over and settles what became of it.
    fn flush(&self, draft: &mut Draft, window: &Window, outcomes: &mut Vec<Outcome>, now: Duration) {
        if draft.is_empty() {
            return;
        }
        let before = self.now();
        draft.hand_over(window, &mut self.local.engine().borrow_mut(), outcomes);
        self.pressure.spent(draft.sends() as u64, self.now().saturating_sub(before));
        let wall = self.local.clock().wall();
        let (mut rtsp, mut mse) = (0, 0);
        for (order, results) in draft.results(outcomes) {
            let sent = self.settle(draft, window, order, results, now);
            if sent > 0 {
                order.seat.admitted.sent_at(sent, wall);
            }
            *(if order.seat.admitted.protocol() == Protocol::Mse { &mut mse } else { &mut rtsp }) += sent;
        }
        self.parts.metrics.rtsp_bytes.inc_by(rtsp);
        self.parts.metrics.mse_bytes.inc_by(mse);
        self.parts.metrics.sends.inc_by(draft.sends() as u64);
        self.parts.metrics.built.marks(draft.mark_bytes());
        draft.clear();
    }

    /// What became of one viewer's sends. Gives the bytes that left.
    fn settle(
        &self,
        draft: &Draft,
        window: &Window,
        order: &Order,
        results: impl Iterator<Item = (usize, usize, Outcome)>,
        now: Duration,
    ) -> u64 {
        let (seat, udp) = (&order.seat, order.pair.is_some());
        let (mut sent, mut owed, mut full) = (0, Vec::new(), false);
        for (send, bytes, outcome) in results {
            let taken = match outcome {
                Ok(taken) => taken,
                Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => 0,
                Err(errno) if !udp => {
                    seat.trouble(Trouble::Broken(errno.into()));
                    return sent;
                }
                // Its device cannot cut a run; it goes again in single datagrams.
                Err(Errno::IO) if order.pair.as_ref().is_some_and(|pair| pair.stop_segmenting()) => 0,
                // Lost, as datagrams are.
                Err(_) => {
                    self.parts.metrics.udp_errors.inc();
                    continue;
                }
            };
            sent += taken as u64;
            if taken < bytes {
                full = true;
                owed.extend(draft.rest(window, send, taken).map(|rest| (rest, draft.destination(send))));
            }
        }
        if full {
            let flow = &mut *seat.flow.borrow_mut();
            flow.owe_first(owed);
            seat.fills_up(flow, now, udp);
        }
        sent
    }
}
