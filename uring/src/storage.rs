//! Writes to files and makes them durable, a whole batch in one call: aligned pieces out of buffers that the kernel knows, so
//! that a file opened for direct IO takes them past the page cache. Where io_uring is refused, one system call each.
//!
//! Deliberately absent: opening files, and what is to be done about one that takes no more.

mod buffers;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;

use crate::message::Outcome;
use crate::ring::wait_for_all;
use crate::{Choice, Kind, Refused};
use buffers::Buffers;
pub use buffers::{ALIGNMENT, BUFFER_BYTES, BUFFERS};

/// Entries of one submission: every buffer once, or as many syncs.
const BATCH_MAX: usize = 64;

/// One write, of the first bytes of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The file.
    pub file: BorrowedFd<'a>,
    /// Where in the file; a multiple of [`ALIGNMENT`] for direct IO.
    pub offset: u64,
    /// Which of the buffers.
    pub buffer: usize,
    /// How many of its bytes; a multiple of [`ALIGNMENT`] for direct IO, and no more than the buffer has.
    pub bytes: usize,
}

/// Storage for one thread.
pub struct Storage {
    buffers: Buffers,
    ring: Option<IoUring>,
    /// The ring knows the buffers by number.
    fixed: bool,
}

impl Storage {
    /// With [`Choice::Auto`] a refusal is told beside the engine that takes over.
    pub fn open(choice: Choice) -> Result<(Self, Option<Refused>), Refused> {
        let buffers = Buffers::new();
        let (ring, refused) = match choice {
            Choice::Epoll => (None, None),
            Choice::IoUring => (Some(open_ring().map_err(Refused)?), None),
            Choice::Auto => match open_ring() {
                Ok(ring) => (Some(ring), None),
                Err(error) => (None, Some(Refused(error))),
            },
        };
        // Refused where the process may lock no more memory; then each write names its address.
        let fixed = ring.as_ref().is_some_and(|ring| buffers.register(ring));
        Ok((Self { buffers, ring, fixed }, refused))
    }

    /// Which engine it is.
    pub fn kind(&self) -> Kind {
        if self.ring.is_some() { Kind::IoUring } else { Kind::Epoll }
    }

    /// A buffer to be filled; empty past the last one.
    pub fn buffer(&mut self, number: usize) -> &mut [u8] {
        self.buffers.get_mut(number)
    }

    /// Writes all of them, in any order, and puts as many outcomes into `outcomes` in theirs. A write may be short.
    pub fn write(&mut self, batch: &[Write<'_>], outcomes: &mut Vec<Outcome>) {
        outcomes.clear();
        let Self { buffers, ring, fixed } = self;
        match ring {
            None => outcomes.extend(batch.iter().map(|write| {
                let bytes = buffers.get(write.buffer, write.bytes);
                retried(|| rustix::io::pwrite(write.file, bytes, write.offset))
            })),
            Some(ring) => {
                for part in batch.chunks(BATCH_MAX) {
                    let entries = part.iter().map(|write| write_entry(write, buffers, *fixed));
                    submit(ring, entries, part.len(), outcomes);
                }
            }
        }
    }

    /// Makes what was written to these files durable, and what is needed to find it again (`fdatasync`).
    pub fn sync(&mut self, files: &[BorrowedFd<'_>], outcomes: &mut Vec<Outcome>) {
        outcomes.clear();
        match &mut self.ring {
            None => outcomes.extend(files.iter().map(|file| retried(|| rustix::fs::fdatasync(file)).map(|()| 0))),
            Some(ring) => {
                for part in files.chunks(BATCH_MAX) {
                    let entries = part.iter().map(sync_entry);
                    submit(ring, entries, part.len(), outcomes);
                }
            }
        }
    }
}

fn open_ring() -> io::Result<IoUring> {
    IoUring::builder().setup_single_issuer().setup_defer_taskrun().setup_clamp().build(BATCH_MAX as u32)
}

fn retried<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}

fn write_entry(write: &Write<'_>, buffers: &Buffers, fixed: bool) -> Entry {
    let bytes = buffers.get(write.buffer, write.bytes);
    let (fd, address, length) = (types::Fd(write.file.as_raw_fd()), bytes.as_ptr(), bytes.len() as u32);
    if fixed {
        opcode::WriteFixed::new(fd, address, length, write.buffer as u16).offset(write.offset).build()
    } else {
        opcode::Write::new(fd, address, length).offset(write.offset).build()
    }
}

fn sync_entry(file: &BorrowedFd<'_>) -> Entry {
    opcode::Fsync::new(types::Fd(file.as_raw_fd())).flags(types::FsyncFlags::DATASYNC).build()
}

/// At most `BATCH_MAX` entries, all of which have completed when it returns.
fn submit(ring: &mut IoUring, entries: impl Iterator<Item = Entry>, count: usize, outcomes: &mut Vec<Outcome>) {
    let first = outcomes.len();
    outcomes.resize(first + count, Err(Errno::CANCELED));
    let mut queue = ring.submission();
    for (number, entry) in entries.enumerate() {
        let entry = entry.user_data(number as u64);
        // SAFETY: the entry names a file that is borrowed, and bytes of our own buffers, which nobody can touch before this
        // function returns. `wait_for_all` does not return before the kernel has completed every entry.
        let pushed = unsafe { queue.push(&entry) };
        assert!(pushed.is_ok(), "the queue holds a whole batch, and was empty");
    }
    drop(queue);
    wait_for_all(ring, outcomes.get_mut(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests;
