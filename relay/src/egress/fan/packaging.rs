//! Which image of a frame goes to a viewer, and what he must have got before it. The one place where the fan knows that there is
//! more than one family of viewers.

use std::sync::Arc;

use bytes::Bytes;
use media::fmp4;
use media::frame::{StreamInfo, Track, TrackId};
use media::hub::Published;
use media::mark::Slot;
use media::mse;
use smallvec::SmallVec;

use crate::metrics::Built;

/// The families whose frames go as one image over TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Packaging {
    /// RTP packets between RTSP's words.
    #[default]
    Interleaved,
    /// Fragments as WebSocket messages.
    Chunks,
}

impl Packaging {
    /// A frame's image, and the viewer's own piece with its place in it.
    pub(super) fn image<'a>(self, published: &'a Published, built: &Built) -> (&'a Bytes, Option<(usize, &'a Slot)>) {
        match self {
            Self::Interleaved => {
                let image = published.interleaved(|bytes| built.images(bytes));
                (image.bytes(), image.slot())
            }
            Self::Chunks => {
                let chunk = published.chunk(|bytes| built.chunks(bytes));
                (chunk.bytes(), chunk.slot())
            }
        }
    }

    /// The same of a frame whose image is there already.
    pub(super) fn shared(self, published: &Published) -> &Bytes {
        match self {
            Self::Interleaved => published.interleaved(|_| ()).bytes(),
            Self::Chunks => published.chunk(|_| ()).bytes(),
        }
    }

    /// Payload bytes of a frame's packets, as a sender report counts them.
    pub(super) fn octets(self, published: &Published) -> usize {
        match self {
            Self::Interleaved => published.interleaved(|_| ()).octets(published.rtp.packets),
            Self::Chunks => 0,
        }
    }
}

/// The header that a viewer by MSE gets before his first frame, and again when it changes.
pub(super) struct Header {
    tracks: SmallVec<[TrackId; 2]>,
    /// The zero of his time, in microseconds of the stream's line.
    begin: Option<i128>,
    /// What his header describes.
    sent: Option<Arc<StreamInfo>>,
}

/// A header cannot be written for what the camera sends now.
pub(super) struct Unwritable;

impl Header {
    pub(super) fn new(tracks: &[TrackId]) -> Self {
        Self { tracks: tracks.into(), begin: None, sent: None }
    }

    /// What must go before this frame, if anything.
    pub(super) fn before(&mut self, published: &Published) -> Result<Option<Bytes>, Unwritable> {
        let info = &published.info;
        if self.sent.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, info)) {
            return Ok(None);
        }
        if self.sent.as_ref() == Some(info) {
            // The same, told again: no other frame compares it at length.
            self.sent = Some(Arc::clone(info));
            return Ok(None);
        }
        let rate = |track: &Track| i128::from(track.clock_rate.max(1));
        let here =
            info.track(published.frame.track).map_or(0, |t| i128::from(published.at.decode) * 1_000_000 / rate(t));
        let begin = *self.begin.get_or_insert(here);
        let in_ticks = |track: &Track| u64::try_from(begin * rate(track) / 1_000_000).unwrap_or(0);
        let tracks = self.tracks.iter().filter_map(|id| info.track(*id));
        let begins: SmallVec<[_; 2]> = tracks.map(|track| (track.id, in_ticks(track))).collect();
        let header = fmp4::init_from(info, &begins).map_err(|_| Unwritable)?;
        self.sent = Some(Arc::clone(info));
        Ok(Some(mse::binary(&header)))
    }
}
