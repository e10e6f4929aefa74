//! The one noun that crosses crates: a frame (one access unit or one audio packet) with its stamps, and the tracks it belongs to.
//! A frame is immutable and shared. It carries no wire image; `hub::Published` does.

use std::sync::Arc;

use bytes::Bytes;

use crate::codec::CodecParams;
use crate::wall::Wall;

/// A track's place in its stream's list of tracks, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u8);

impl TrackId {
    /// Index into `StreamInfo::tracks`.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One access unit or audio packet, as the camera sent it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The track it belongs to.
    pub track: TrackId,
    /// Presentation time in units of the track's clock rate, on a line that goes on across the camera's reconnects.
    /// In decode order, so it may step back by a few frames where the camera uses B-frames.
    pub pts: i64,
    /// When the camera captured it: from RTCP sender reports where it sends them, else the time of arrival.
    pub wall: Wall,
    /// A decoder can begin here (IDR, CRA, BLA or a JPEG picture). Always false for audio.
    pub keyframe: bool,
    /// The first frame of its track after a loss: RTP packets missing, or a new connection to the camera.
    pub discontinuity: bool,
    /// H.264 and H.265: NAL units as sent, each behind its length in 4 bytes, big-endian. AAC: one raw access unit
    /// (no ADTS). G.711: samples. MJPEG: one JFIF picture.
    pub payload: Bytes,
}

/// One elementary stream of a camera's presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its place in the list.
    pub id: TrackId,
    /// Ticks per second of `Frame::pts` and of its RTP timestamps.
    pub clock_rate: u32,
    /// What a decoder must know before the first frame.
    pub params: CodecParams,
}

/// What a stream holds at one time. A new value, with a higher generation, replaces it when any parameter set changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Rises by one with each change of tracks or parameter sets.
    pub generation: u32,
    /// The tracks; `tracks[i].id == TrackId(i)`.
    pub tracks: Vec<Track>,
}

impl StreamInfo {
    /// The track of that id, if the stream has it.
    pub fn track(&self, id: TrackId) -> Option<&Track> {
        self.tracks.get(id.index())
    }

    /// The first video track.
    pub fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|t| t.params.is_video())
    }

    /// A stream's description, shared by its frames.
    pub fn shared(generation: u32, tracks: Vec<Track>) -> Arc<Self> {
        Arc::new(Self { generation, tracks })
    }
}
