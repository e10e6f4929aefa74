//! Viewers that are not in step: who has just begun, whose socket was full, and what the server has to say. Each reads the hub
//! from his own position until he is at its end.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::hub::{Delivery, Published};
use media::rtp;
use media::rtsp::RtpStart;
use uring::{Errno, Message, Outcome};

use super::Fan;
use super::draft::Pen;
use super::seat::{Flow, Mode, Pace, Play, Seat, Trouble};
use super::udp::{BURST_BYTES, BURST_PAUSE, Udp};
use crate::lease::Protocol;

/// Bytes that one viewer may take in one turn; others on the core come first then.
const TURN_BYTES: usize = 256 << 10;

/// Why filling stopped.
enum Filled {
    /// There is nothing more in the hub.
    AtEnd,
    /// Enough for one call.
    Enough,
    /// The next frame is not due yet.
    Until(Duration),
    /// The stream is no longer what was described.
    Over,
}

/// How a call to the kernel ended.
enum Sent {
    /// It took so many bytes.
    Bytes(usize),
    /// That is all for now; the mode says what for to wait.
    Enough,
}

impl Fan {
    /// Takes what the hub has for a beginner. Gives where each track begins, as far as is known by now.
    pub(super) fn look_ahead(&self, play: &mut Play) -> Vec<RtpStart> {
        self.take_all(play);
        if let Some(first) = play.held.front() {
            play.pace = Some(Pace::new(self.now(), first.frame.wall));
        }
        let first = |track| play.held.iter().find(|published| published.frame.track == track);
        let place = |published: &Arc<Published>| (published.rtp.first_sequence, published.rtp.timestamp);
        play.tracks.iter().map(|track| RtpStart { track: *track, first: first(*track).map(place) }).collect()
    }

    /// Sends what is owed and what the hub has, as far as sockets, pace and turn allow; then the mode says what for to wait.
    pub(super) fn catch_up(&self, seat: &Seat, flow: &mut Flow, now: Duration) {
        let mut left = TURN_BYTES;
        loop {
            if seat.admitted.has_ended() {
                return;
            }
            let filled = self.fill(seat, flow, now);
            if flow.owes_nothing() {
                flow.mode = match filled {
                    Filled::AtEnd => Mode::Live,
                    Filled::Enough => Mode::Turn,
                    Filled::Until(until) => Mode::Paced { until },
                    Filled::Over => return seat.trouble(Trouble::Over),
                };
                return;
            }
            let sent = if flow.outbox.is_empty() {
                self.send_burst(seat, flow, now)
            } else {
                self.send_outbox(seat, flow, now)
            };
            match sent {
                Sent::Bytes(sent) => left = left.saturating_sub(sent),
                Sent::Enough => return,
            }
            if left == 0 {
                flow.mode = Mode::Turn;
                return;
            }
        }
    }

    /// Takes frames from the hub until there is enough for a call.
    fn fill(&self, seat: &Seat, flow: &mut Flow, now: Duration) -> Filled {
        while flow.has_room() {
            let Some(play) = &mut flow.play else { return Filled::AtEnd };
            let Some(published) = self.next(play) else {
                play.pace = None;
                return Filled::AtEnd;
            };
            if let Some(due) = play.pace.map(|pace| pace.due(published.frame.wall)) {
                if Pace::is_over(published.frame.wall, self.local.clock().wall()) {
                    play.pace = None;
                } else if due > now {
                    play.held.push_front(published);
                    return Filled::Until(due);
                }
            }
            if !play.accepts(&published) {
                return Filled::Over;
            }
            if play.wants(&published) {
                Self::tell_of_skips(flow);
                self.owe(seat, flow, &published);
            }
        }
        Filled::Enough
    }

    fn next(&self, play: &mut Play) -> Option<Arc<Published>> {
        if play.pace.is_some() {
            self.take_all(play);
        }
        if let Some(held) = play.held.pop_front() {
            return Some(held);
        }
        // He has caught up, most likely for good.
        play.held = VecDeque::new();
        self.read(play)
    }

    /// Whoever is made to wait must not lose what he waits for: the hub forgets a group of pictures soon after the next began.
    fn take_all(&self, play: &mut Play) {
        while let Some(published) = self.read(play) {
            play.held.push_back(published);
        }
    }

    fn read(&self, play: &mut Play) -> Option<Arc<Published>> {
        loop {
            match self.hub.read(&mut play.cursor)? {
                Delivery::Frame(published) => return Some(published),
                Delivery::Lagged { frames, why } => {
                    play.missed += frames;
                    self.parts.metrics.skipped(why, frames);
                }
            }
        }
    }

    /// Puts a whole frame among what is owed.
    fn owe(&self, seat: &Seat, flow: &mut Flow, published: &Published) {
        let (pen, built) = (Pen { key: &self.parts.marks, session: seat.admitted.mark() }, &self.parts.metrics.built);
        let Some(udp) = &mut flow.udp else {
            match flow.preface(published) {
                Ok(preface) => preface.into_iter().for_each(|bytes| flow.owe(bytes, true)),
                Err(_) => return seat.trouble(Trouble::Over),
            }
            let (bytes, slot) = flow.packaging.image(published, built);
            if let Some((at, slot)) = slot {
                let marked = pen.fill(slot, published);
                built.marks(marked.bytes().len());
                flow.owe(bytes.slice(..at), true);
                flow.owe(Bytes::copy_from_slice(marked.bytes()), true);
                flow.owe(bytes.slice(at..), true);
            } else {
                flow.owe(bytes.clone(), true);
            }
            return flow.count(published, flow.packaging.octets(published));
        };
        let datagrams = published.datagrams(|bytes| built.datagrams(bytes));
        if let Some(to) = udp.destination(published.frame.track) {
            for item in datagrams.items() {
                match item {
                    rtp::Item::Slot(slot) => {
                        let marked = pen.fill(slot, published);
                        built.marks(rtp::as_datagram(&marked).len());
                        udp.owe(Bytes::copy_from_slice(rtp::as_datagram(&marked)), to);
                    }
                    rtp::Item::Run(run) => udp.owe(datagrams.bytes().slice(run), to),
                }
            }
        }
        flow.count(published, datagrams.octets(published.rtp.packets));
    }

    /// One call for what is owed by TCP.
    fn send_outbox(&self, seat: &Seat, flow: &mut Flow, now: Duration) -> Sent {
        let slices = flow.outbox.slices();
        let message =
            Message { socket: seat.socket.as_fd(), file: seat.file.as_ref(), parts: &slices, to: None, cut: None };
        let outcome = self.send(&[message]).first().copied();
        drop(slices);
        match outcome {
            Some(Ok(written)) => {
                let media = flow.outbox.advance(written);
                self.count(seat, media);
                Sent::Bytes(written)
            }
            None | Some(Err(Errno::INTR)) => Sent::Bytes(0),
            Some(Err(Errno::AGAIN)) => {
                seat.fills_up(flow, now, false);
                Sent::Enough
            }
            Some(Err(errno)) => {
                seat.trouble(Trouble::Broken(errno.into()));
                Sent::Enough
            }
        }
    }

    /// As many of the datagrams owed as one burst allows, then a pause.
    fn send_burst(&self, seat: &Seat, flow: &mut Flow, now: Duration) -> Sent {
        let Some(udp) = &mut flow.udp else { return Sent::Enough };
        let pieces = udp.next_burst(BURST_BYTES);
        let slices: Vec<_> = pieces.iter().map(|(bytes, _)| [IoSlice::new(bytes)]).collect();
        let pair = Rc::clone(udp.pair());
        let addressed = slices.iter().zip(&pieces);
        let messages: Vec<_> = addressed
            .map(|(parts, (_, to))| Message { socket: pair.rtp().as_fd(), file: None, parts, to: Some(*to), cut: None })
            .collect();
        let outcomes = self.send(&messages);
        let media = outcomes.iter().flatten().sum::<usize>();
        self.count(seat, media as u64);
        if self.settle_burst(udp, &outcomes) {
            seat.fills_up(flow, now, true);
        } else {
            flow.mode = Mode::Paced { until: now + BURST_PAUSE };
        }
        Sent::Enough
    }

    /// Takes off what has left or is lost. True where the socket is full.
    fn settle_burst(&self, udp: &mut Udp, outcomes: &[Outcome]) -> bool {
        let mut full = false;
        let mut uncut = false;
        let gone = |outcome: &Outcome| match outcome {
            Ok(_) => true,
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => {
                full = true;
                false
            }
            Err(Errno::IO) => {
                uncut = true;
                false
            }
            Err(_) => {
                self.parts.metrics.udp_errors.inc();
                true
            }
        };
        let left: Vec<bool> = outcomes.iter().map(gone).collect();
        udp.settle(&left);
        if uncut {
            // A device that cannot cut runs; one that refuses single datagrams too loses them.
            if udp.pair().stop_segmenting() { udp.cut_owed() } else { udp.forget() }
        }
        full
    }

    fn send(&self, messages: &[Message<'_>]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(messages.len());
        self.local.engine().borrow_mut().send(messages, &mut outcomes);
        self.parts.metrics.sends.inc_by(messages.len() as u64);
        outcomes
    }

    /// Media bytes that left.
    fn count(&self, seat: &Seat, media: u64) {
        if media > 0 {
            seat.admitted.sent(media);
            match seat.admitted.protocol() {
                Protocol::Mse => self.parts.metrics.mse_bytes.inc_by(media),
                _ => self.parts.metrics.rtsp_bytes.inc_by(media),
            }
        }
    }
}
