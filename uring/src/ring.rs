//! The engine with a ring. A batch is filled into the submission queue, handed over in one call, and every one of its
//! completions is collected before [`Ring::send`] returns: `MSG_DONTWAIT` makes each send complete at once, with what the socket took or
//! with EAGAIN. So nothing that the kernel was told of outlives the call, and the caller keeps the right to all of it.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::rc::Rc;

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use rustix::io::Errno;

use crate::file::{File, Table};
use crate::header::Attached;
use crate::message::{Message, Outcome};

/// Messages of one submission. More gain nothing measurable, and push the receive work of loopback out of our account.
const BATCH_MAX: usize = 256;
/// Never waits, and never raises SIGPIPE.
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

pub(crate) struct Ring {
    table: Rc<RefCell<Table>>,
    headers: Vec<libc::msghdr>,
    attached: Vec<Attached>,
}

impl Ring {
    /// A ring of this thread: others may not submit to it, and it works only when it is entered.
    pub(crate) fn open() -> io::Result<Self> {
        let ring =
            IoUring::builder().setup_single_issuer().setup_defer_taskrun().setup_clamp().build(BATCH_MAX as u32)?;
        Ok(Self { table: Table::open(ring), headers: Vec::new(), attached: Vec::new() })
    }

    pub(crate) fn register(&self, socket: BorrowedFd<'_>) -> Option<File> {
        File::enter(&self.table, socket)
    }

    pub(crate) fn send(&mut self, batch: &[Message<'_>], outcomes: &mut Vec<Outcome>) {
        for part in batch.chunks(BATCH_MAX) {
            self.submit(part, outcomes);
        }
    }

    /// At most `BATCH_MAX` messages.
    fn submit(&mut self, batch: &[Message<'_>], outcomes: &mut Vec<Outcome>) {
        // Filled to their whole length first: the kernel is given addresses within both.
        self.attached.clear();
        self.attached.extend(batch.iter().map(Attached::of));
        self.headers.clear();
        self.headers.extend(batch.iter().zip(&self.attached).map(|(message, attached)| attached.header(message)));
        let first = outcomes.len();
        outcomes.resize(first + batch.len(), Err(Errno::CANCELED));
        let table = &mut *self.table.borrow_mut();
        let mut queue = table.ring.submission();
        for (number, (message, header)) in batch.iter().zip(&self.headers).enumerate() {
            let entry = entry(message, header).user_data(number as u64);
            // SAFETY: the entry names the message's own slices and bytes, which are borrowed until this function returns, and
            // a header and what it is attached to, which lie in vectors which are not touched until then. `wait_for_all` below does not return
            // before the kernel has completed every entry. The socket may be closed meanwhile by nobody: it is borrowed too.
            let pushed = unsafe { queue.push(&entry) };
            assert!(pushed.is_ok(), "the queue holds a whole batch, and was empty");
        }
        drop(queue);
        wait_for_all(&mut table.ring, outcomes.get_mut(first..).unwrap_or_default());
    }
}

/// Returns once each outcome has been filled in.
pub(crate) fn wait_for_all(ring: &mut IoUring, outcomes: &mut [Outcome]) {
    let mut left = outcomes.len();
    while left > 0 {
        match ring.submit_and_wait(left).map_err(|e| e.raw_os_error()) {
            // A signal, or a kernel short of memory: what was not taken yet is taken at the next try.
            Ok(_) | Err(Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)) => {}
            Err(code) => {
                // The kernel may still hold addresses of memory that our caller is about to reuse, and will not say.
                eprintln!("io_uring failed in the middle of a batch (errno {code:?}); going on would not be sound");
                std::process::abort();
            }
        }
        for completion in ring.completion() {
            if let Some(outcome) = outcomes.get_mut(completion.user_data() as usize) {
                *outcome = match completion.result() {
                    taken if taken >= 0 => Ok(taken as usize),
                    error => Err(Errno::from_raw_os_error(-error)),
                };
                left -= 1;
            }
        }
    }
}

fn entry(message: &Message<'_>, header: &libc::msghdr) -> Entry {
    let fd = types::Fd(message.socket.as_raw_fd());
    match (message.parts, message.to, message.file) {
        // The usual case, and the cheapest: one piece needs no header.
        ([part], None, Some(file)) if message.cut.is_none() => {
            opcode::Send::new(types::Fixed(file.number()), part.as_ptr(), part.len() as u32).flags(FLAGS).build()
        }
        ([part], None, None) if message.cut.is_none() => {
            opcode::Send::new(fd, part.as_ptr(), part.len() as u32).flags(FLAGS).build()
        }
        (_, _, Some(file)) => opcode::SendMsg::new(types::Fixed(file.number()), header).flags(FLAGS as u32).build(),
        (_, _, None) => opcode::SendMsg::new(fd, header).flags(FLAGS as u32).build(),
    }
}
