//! A fan with one viewer, whose stream is published for him alone and at his pace: a playback. Whoever publishes asks here whether he
//! takes more, and hands each frame on at once.

use std::sync::Arc;
use std::time::Duration;

use media::frame::{StreamInfo, TrackId};
use media::hub::Start;
use media::wall::Wall;

use super::seat::{Mode, Play, Seat};
use super::{Fan, reports};

impl Fan {
    /// Something that he set up carries a mark: a copy without one must not leave.
    pub(crate) fn carries_marks(&self, seat: &Seat, info: &StreamInfo) -> bool {
        seat.flow.borrow().marked_tracks(info).is_some()
    }

    /// He begins with the next frame that is published; `start` sets off. `origin` is the instant that his reports give the zero of
    /// the line of time. Gives his tracks.
    pub(crate) fn cue_recording(&self, seat: &Seat, info: &Arc<StreamInfo>, origin: Wall) -> Vec<TrackId> {
        let flow = &mut *seat.flow.borrow_mut();
        let Some(tracks) = flow.marked_tracks(info) else { return Vec::new() };
        flow.reporters.iter_mut().for_each(|reporter| reporter.count_from(origin));
        let cursor = self.hub.cursor(Start::Live, self.parts.budget);
        // What was played before may have been of another header; its kind is what counts, and that is looked at with each frame.
        let play = Play {
            cursor,
            tracks: tracks.clone(),
            info: Arc::clone(info),
            held: Default::default(),
            pace: None,
            missed: 0,
        };
        flow.play = Some(play);
        tracks.to_vec()
    }

    /// All that was published has left.
    pub(crate) fn takes_more(&self, seat: &Seat) -> bool {
        let flow = seat.flow.borrow();
        matches!(flow.mode, Mode::Live | Mode::Turn) && flow.owes_nothing()
    }

    /// Says behind the last frame that no more comes (RFC 3550 section 6.6).
    pub(crate) fn say_goodbye(&self, seat: &Seat, now: Duration) {
        let flow = &mut *seat.flow.borrow_mut();
        let goodbyes: Vec<_> = flow.reporters.iter().filter_map(|r| Some((r.track, r.goodbye()?))).collect();
        for (track, goodbye) in goodbyes {
            match &flow.udp {
                // Lost where the socket is full; the connection closes all the same.
                Some(udp) => drop(udp.report(track, &goodbye)),
                None => flow.owe(reports::interleaved(track, &goodbye), false),
            }
        }
        self.catch_up(seat, flow, now);
    }
}
