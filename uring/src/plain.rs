//! The engine without a ring: one system call a message. A single piece, the usual case, goes by `send`, which costs less than `sendmsg`.

use std::os::fd::AsRawFd as _;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg, sendmsg_addr, sendto};

use crate::header::Attached;
use crate::message::{Message, Outcome};

pub(crate) struct Plain;

/// Never waits, and never raises SIGPIPE.
const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

impl Plain {
    #[allow(clippy::unused_self, reason = "the face of an engine")]
    pub(crate) fn send(&self, batch: &[Message<'_>], outcomes: &mut Vec<Outcome>) {
        outcomes.extend(batch.iter().map(one));
    }
}

fn one(message: &Message<'_>) -> Outcome {
    if message.cut.is_some() {
        return in_datagrams(message);
    }
    let (socket, none) = (message.socket, &mut SendAncillaryBuffer::default());
    match (message.parts, &message.to) {
        ([part], None) => send(socket, part, FLAGS),
        ([part], Some(to)) => sendto(socket, part, FLAGS, to),
        (parts, None) => sendmsg(socket, parts, none, FLAGS),
        (parts, Some(to)) => sendmsg_addr(socket, to, parts, none, FLAGS),
    }
}

/// The length of the datagrams stands in a control message that `rustix` does not have.
fn in_datagrams(message: &Message<'_>) -> Outcome {
    let attached = Attached::of(message);
    let header = attached.header(message);
    // SAFETY: the socket is open for the length of the borrow, and the header points into `attached` and into what the message
    // borrows, all of which outlive the call.
    let sent = unsafe { libc::sendmsg(message.socket.as_raw_fd(), &raw const header, FLAGS.bits() as libc::c_int) };
    let last_error = || Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
    usize::try_from(sent).map_err(|_| last_error())
}
