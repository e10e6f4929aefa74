//! Recorded frames on their way from a disk to a viewer: a fragment's worth at a time, and how the next one is asked for. Values
//! only; the recorder reads, the relay paces and sends, and neither knows the other.

use std::sync::Arc;

use crate::frame::{Frame, StreamInfo};
use crate::wall::Wall;

/// What to read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// From the newest keyframe at or before this instant; where there is none, the first one after it.
    At(Wall),
    /// What follows what was read last.
    Next,
    /// The first keyframe behind what was read last that was captured at this instant or later. Alone.
    KeyframeFrom(Wall),
    /// The newest keyframe before what was read last that was captured at this instant or earlier. Alone.
    KeyframeBefore(Wall),
}

/// A fragment's frames.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// What they belong to. The same value for as long as nothing changes.
    pub info: Arc<StreamInfo>,
    /// In the order of decoding, tracks mixed by time. `Frame::pts` lies on one line for the whole recording, which goes on without
    /// a seam as long as the camera did. Never empty.
    pub frames: Vec<Frame>,
    /// It goes on where the stretch before it ended: nothing is missing between, and time did not leap.
    pub follows: bool,
}
