//! Sends shared buffers to many sockets at once, and tells what became of each send: one face, two engines. `epoll` makes one
//! `sendmsg` of each message, for sockets that an event loop of the caller's says are writable; `io_uring` hands a whole batch
//! to the kernel in one call. Neither waits for a peer, and neither keeps a buffer once [`Engine::send`] has returned.
//!
//! The only crate of the house with unsafe code, so that what the kernel says of the clock is asked here, too. Deliberately absent:
//! what is sent, to whom, and waiting for a full socket.

mod address;
mod clock;
mod file;
mod header;
mod message;
mod plain;
mod ring;
mod segment;
pub mod storage;
mod unsent;

use std::io;
use std::os::fd::BorrowedFd;

pub use clock::{ClockState, clock_state};
pub use file::File;
pub use message::{Message, Outcome};
use plain::Plain;
use ring::Ring;
pub use rustix::io::Errno;
pub use segment::set_udp_segment;
pub use unsent::unsent_bytes;

/// Below this many messages a batch goes by `sendmsg` in [`Choice::Auto`]: entering the ring costs as much as it saves.
const RING_BATCH_MIN: usize = 8;

/// Which engine is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Choice {
    /// What was measured to cost less; `sendmsg` where io_uring is refused.
    #[default]
    Auto,
    /// io_uring, and an error where it is refused.
    IoUring,
    /// `sendmsg`.
    Epoll,
}

/// Which engine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// io_uring.
    IoUring,
    /// `sendmsg`.
    Epoll,
}

impl Kind {
    /// Its word in configuration and in a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

/// The kernel does not let this process use io_uring: too old, switched off by `kernel.io_uring_disabled`, or filtered by
/// a container's seccomp profile.
#[derive(Debug, thiserror::Error)]
#[error("io_uring is refused ({0}): set engine = \"epoll\" or \"auto\", or allow it to this process")]
pub struct Refused(#[source] pub io::Error);

/// Sends for one thread.
pub struct Engine {
    plain: Plain,
    ring: Option<Ring>,
    /// Smaller batches do not take the ring.
    ring_batch_min: usize,
}

impl Engine {
    /// The engine of this thread, which must be the one that uses it. With [`Choice::Auto`] a refusal is told beside the engine that
    /// takes over.
    pub fn open(choice: Choice) -> Result<(Self, Option<Refused>), Refused> {
        let plain = |refused| (Self { plain: Plain, ring: None, ring_batch_min: 0 }, refused);
        match choice {
            Choice::Epoll => Ok(plain(None)),
            Choice::IoUring => {
                let ring = Ring::open().map_err(Refused)?;
                Ok((Self { plain: Plain, ring: Some(ring), ring_batch_min: 0 }, None))
            }
            Choice::Auto => Ok(match Ring::open() {
                Ok(ring) => (Self { plain: Plain, ring: Some(ring), ring_batch_min: RING_BATCH_MIN }, None),
                Err(error) => plain(Some(Refused(error))),
            }),
        }
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        if self.ring.is_some() { Kind::IoUring } else { Kind::Epoll }
    }

    /// Makes a socket known to the ring, so that a send need not look it up. None where there is no ring, or no room. The
    /// socket stays open for as long as the returned value is kept, whatever else closes it.
    pub fn register(&self, socket: BorrowedFd<'_>) -> Option<File> {
        self.ring.as_ref()?.register(socket)
    }

    /// Sends all messages, and puts as many outcomes into `outcomes` in their order. Never waits: a socket that is full says
    /// [`Errno::AGAIN`], and one that took a part says how much.
    pub fn send(&mut self, batch: &[Message<'_>], outcomes: &mut Vec<Outcome>) {
        outcomes.clear();
        match &mut self.ring {
            Some(ring) if batch.len() >= self.ring_batch_min => ring.send(batch, outcomes),
            _ => self.plain.send(batch, outcomes),
        }
        debug_assert_eq!(batch.len(), outcomes.len());
    }
}

#[cfg(test)]
mod tests;
