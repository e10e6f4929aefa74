//! A viewer who gets fragments over a WebSocket instead of packets: no reports, no set-up, a header before his first frame.

use std::sync::Arc;

use media::frame::{StreamInfo, TrackId};
use media::hub::Start;
use media::mse;

use super::Fan;
use super::packaging::{Header, Packaging};
use super::seat::{Flow, Play, Seat};

impl Fan {
    /// Finds where he will begin, at the newest keyframe, with these tracks, of which one is a picture. `start` sets off.
    pub(crate) fn cue_chunks(&self, seat: &Seat, info: Arc<StreamInfo>, tracks: &[TrackId]) {
        let flow = &mut *seat.flow.borrow_mut();
        let cursor = self.hub.cursor(Start::LastKeyframe, self.parts.budget);
        let mut play = Play { cursor, tracks: tracks.into(), info, held: Default::default(), pace: None, missed: 0 };
        self.look_ahead(&mut play);
        flow.packaging = Packaging::Chunks;
        flow.header = Some(Box::new(Header::new(tracks)));
        flow.play = Some(play);
    }

    /// Tells him of frames that he did not get, before those that he gets next.
    pub(super) fn tell_of_skips(flow: &mut Flow) {
        let told = flow.packaging == Packaging::Chunks;
        let Some(play) = flow.play.as_mut().filter(|play| told && play.missed > 0) else { return };
        let frames = std::mem::take(&mut play.missed);
        flow.owe(mse::text(&mse::notice("skipped", &frames.into())), false);
    }

    /// All that was handed to him is with the kernel.
    pub(crate) fn owes_nothing(&self, seat: &Seat) -> bool {
        seat.flow.borrow().owes_nothing()
    }

    /// There is room for answers to what he says; who does not take them is not heard.
    pub(crate) fn takes_words(&self, seat: &Seat) -> bool {
        seat.flow.borrow().has_room()
    }
}
