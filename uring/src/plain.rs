//! The engine without a ring: one system call a message. A single piece, the usual case, goes by `send`, which costs less than `sendmsg`.

use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg, sendmsg_addr, sendto};

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
    let (socket, none) = (message.socket, &mut SendAncillaryBuffer::default());
    match (message.parts, &message.to) {
        ([part], None) => send(socket, part, FLAGS),
        ([part], Some(to)) => sendto(socket, part, FLAGS, to),
        (parts, None) => sendmsg(socket, parts, none, FLAGS),
        (parts, Some(to)) => sendmsg_addr(socket, to, parts, none, FLAGS),
    }
}
