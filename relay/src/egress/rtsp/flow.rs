//! The hot path of a TCP viewer: frames out of the hub into the socket, in one poll, for as long as the socket takes
//! them. It comes back to the session only when something else has to be done.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use media::hub::Published;
use media::wall::Clock;
use tokio::net::TcpStream;

use super::feed::{Feed, Next};
use super::outbox::{Flushed, Outbox};
use super::reports::Reporter;
use crate::admission::Admitted;
use crate::metrics::EgressMetrics;

/// What a viewer's frames pass through.
pub(super) struct Flow<'a> {
    pub(super) feed: &'a mut Feed,
    pub(super) outbox: &'a mut Outbox,
    pub(super) reporters: &'a mut [Reporter],
    pub(super) socket: &'a TcpStream,
    pub(super) admitted: &'a Admitted,
    pub(super) clock: &'a dyn Clock,
    pub(super) metrics: &'a EgressMetrics,
}

/// Why the flow stands still.
pub(super) enum Flowed {
    /// The socket takes no more for now.
    Full,
    /// The lease is over.
    Ended,
    /// The stream is over, or another one.
    Over,
    /// The connection broke.
    Broken(io::Error),
}

impl Flow<'_> {
    /// Pending while frames flow and while none is there; the hub wakes it then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Flowed> {
        let mut drained = false;
        while !drained && self.outbox.has_room() {
            match self.feed.poll_next(cx) {
                Poll::Ready(Next::Frame(frame)) => self.take(&frame),
                Poll::Ready(Next::Over) => return Poll::Ready(Flowed::Over),
                Poll::Pending => drained = true,
            }
        }
        match self.flush() {
            Ok(Flushed::All | Flushed::Paced) => {}
            Ok(Flushed::Full) => return Poll::Ready(Flowed::Full),
            Ok(Flushed::Ended) => return Poll::Ready(Flowed::Ended),
            Err(error) => return Poll::Ready(Flowed::Broken(error)),
        }
        if !drained {
            // A batch is enough for one turn; others on this core get theirs first.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn take(&mut self, frame: &Arc<Published>) {
        let image = frame.interleaved();
        if let Some(reporter) = self.reporters.iter_mut().find(|r| r.track == frame.frame.track) {
            reporter.count(frame, image);
        }
        self.outbox.push(image.clone(), true);
    }

    /// Hands over what is in the outbox, counted for the session and for Prometheus.
    pub(super) fn flush(&mut self) -> io::Result<Flushed> {
        let (admitted, bytes) = (self.admitted, &self.metrics.rtsp_bytes);
        self.outbox.flush(self.socket, admitted, self.clock, |media| {
            admitted.sent(media);
            bytes.inc_by(media);
        })
    }
}
