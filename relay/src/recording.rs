//! Recorded time as the relay asks for it: somebody above joins it to what is on disk, which is not imported here. Reading is
//! asked for and comes when it is there, so that no core waits for a disk.

use std::future::Future;
use std::pin::Pin;

use media::id::StreamKey;
use media::stretch::{Seek, Stretch};
use media::wall::Wall;

/// All that is recorded.
pub trait Recordings: Send + Sync + 'static {
    /// A reader of this range: `from` inclusive, `to` exclusive. Reads nothing yet.
    fn open(&self, stream: &StreamKey, from: Wall, to: Wall) -> Box<dyn Reading>;
}

/// A reader of one range.
pub trait Reading: Send {
    /// Reads on a thread that may block, and comes back with what it found: nothing where the range holds no more in that direction by
    /// now.
    fn read(self: Box<Self>, seek: Seek) -> Read;
}

/// A read that is under way. Dropping it gives the reader up.
pub type Read = Pin<Box<dyn Future<Output = (Box<dyn Reading>, Result<Option<Stretch>, Unreadable>)> + Send>>;

/// A recording could not be read. The text is for the log only.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
