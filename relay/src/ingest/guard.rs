//! A bound on what the RTSP library may swallow without giving anything back. The library has no limit on the length of a
//! message, so a camera could send headers without end; each time it is polled it can take no more than a socket buffer
//! or two, so the polls since its last result are counted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;

/// Socket operations that one poll leaves to the library: connecting, reading and finding nothing more to read.
const OPERATIONS_PER_POLL: usize = 4;

/// Operations that tokio grants a task between two returns to the runtime. Nothing breaks should it change: the library
/// then does a few more or fewer of them per poll.
const TOKIO_BUDGET: usize = 128;

/// Polls of one request of the handshake at most. An answer takes two or three; one whose every line comes in a packet of
/// its own, 40.
pub(super) const HANDSHAKE_POLLS_MAX: u32 = 128;

/// Polls without a packet at most while streaming. A packet of 64 KiB that arrives a segment at a time takes 45.
pub(super) const STREAM_POLLS_MAX: u32 = 256;

/// The camera sent more than any message may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the camera sends a message without end")]
pub(super) struct Endless;

/// Drives a future, for at most so many polls.
pub(super) async fn bounded<F: Future>(future: F, polls_max: u32) -> Result<F::Output, Endless> {
    let mut future = std::pin::pin!(future);
    let mut polls = 0;
    std::future::poll_fn(move |cx| {
        polls += 1;
        if polls > polls_max {
            return Poll::Ready(Err(Endless));
        }
        spend_budget(cx);
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// Uses up what tokio's cooperative budget grants this task beyond a few operations, so that a sender faster than us
/// cannot keep the library reading for long within one poll.
fn spend_budget(cx: &mut Context<'_>) {
    for _ in OPERATIONS_PER_POLL..TOKIO_BUDGET {
        match tokio::task::coop::poll_proceed(cx) {
            Poll::Ready(operation) => operation.made_progress(),
            Poll::Pending => return,
        }
    }
}

/// A stream that must give something at least every so many polls.
pub(super) struct Bounded<S> {
    stream: S,
    polls: u32,
    polls_max: u32,
}

impl<S: Stream + Unpin> Bounded<S> {
    pub(super) fn new(stream: S, polls_max: u32) -> Self {
        Self { stream, polls: 0, polls_max }
    }

    /// The next item.
    pub(super) async fn next(&mut self) -> Result<Option<S::Item>, Endless> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<S::Item>, Endless>> {
        let polled = Pin::new(&mut self.stream).poll_next(cx);
        if polled.is_ready() {
            self.polls = 0;
            return polled.map(Ok);
        }
        self.polls += 1;
        if self.polls > self.polls_max { Poll::Ready(Err(Endless)) } else { Poll::Pending }
    }
}
