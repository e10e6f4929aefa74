//! A bound on what the RTSP library may swallow without giving anything back. The library has no limit on the length of a
//! message, and reads a line that does not end again and again from its beginning: a camera could take memory and the core
//! that others share. So both the polls since the last result and the time spent in them are counted. A camera at the
//! speed of its link is cut off after a few MiB; one as fast as this machine after some tens.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use media::wall::Clock;

/// Socket operations that a poll of the handshake leaves to the library: reading, and finding nothing more to read.
const HANDSHAKE_OPERATIONS: usize = 2;

/// The same for a turn of the task while streaming: enough for 512 KiB, and never so many that other cameras wait.
const STREAM_OPERATIONS: usize = 8;

/// Operations that tokio grants a task between two returns to the runtime. Nothing breaks should it change: the library
/// then does a few more or fewer of them per poll.
const TOKIO_BUDGET: usize = 128;

/// Polls of one request of the handshake at most. An answer takes two or three; one whose every line comes in a packet of
/// its own, 40.
pub(super) const HANDSHAKE_POLLS_MAX: u32 = 96;

/// Polls without a packet at most while streaming. A packet of 64 KiB that arrives a segment at a time takes 45.
pub(super) const STREAM_POLLS_MAX: u32 = 256;

/// Polls in a row without a packet that are usual, and not timed.
const STREAM_POLLS_USUAL: u32 = 2;

/// Time within those polls at most. An answer takes well below 1 ms; the rest is for a machine so busy that it is taken
/// away in between.
const BUSY_MAX: Duration = Duration::from_millis(250);

/// The camera sent more than any message may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the camera sends a message without end")]
pub(super) struct Endless;

/// What a wait has cost so far.
#[derive(Default)]
struct Spent {
    polls: u32,
    busy: Duration,
}

impl Spent {
    /// Runs one poll within what is left.
    fn poll<T>(&mut self, cx: &mut Context<'_>, clock: &dyn Clock, poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let began = clock.monotonic();
        let polled = poll(cx);
        self.busy += clock.monotonic().saturating_sub(began);
        polled
    }

    fn is_over(&self, polls_max: u32) -> bool {
        self.polls > polls_max || self.busy > BUSY_MAX
    }
}

/// Drives one request of the handshake.
pub(super) async fn bounded<F: Future>(future: F, clock: &dyn Clock) -> Result<F::Output, Endless> {
    let mut future = std::pin::pin!(future);
    let mut spent = Spent::default();
    std::future::poll_fn(move |cx| {
        spent.polls += 1;
        if spent.is_over(HANDSHAKE_POLLS_MAX) {
            return Poll::Ready(Err(Endless));
        }
        spend_budget(cx, HANDSHAKE_OPERATIONS);
        spent.poll(cx, clock, |cx| future.as_mut().poll(cx).map(Ok))
    })
    .await
}

/// Uses up what tokio's cooperative budget grants this task beyond a few operations, so that a sender faster than us
/// cannot keep the library reading for long within one poll.
fn spend_budget(cx: &mut Context<'_>, operations: usize) {
    for _ in operations..TOKIO_BUDGET {
        match tokio::task::coop::poll_proceed(cx) {
            Poll::Ready(operation) => operation.made_progress(),
            Poll::Pending => return,
        }
    }
}

/// A stream that must give something at least every so many polls.
pub(super) struct Bounded<S> {
    stream: S,
    spent: Spent,
}

impl<S: Stream + Unpin> Bounded<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, spent: Spent { polls: 1, busy: Duration::ZERO } }
    }

    /// The next item.
    pub(super) async fn next(&mut self, clock: &dyn Clock) -> Result<Option<S::Item>, Endless> {
        std::future::poll_fn(|cx| self.poll_next(cx, clock)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, clock: &dyn Clock) -> Poll<Result<Option<S::Item>, Endless>> {
        let Self { stream, spent } = self;
        // The budget is one for a whole turn of the task: it is spent where a turn begins, not for each packet of it.
        if spent.polls > 0 {
            spend_budget(cx, STREAM_OPERATIONS);
        }
        let polled = if spent.polls < STREAM_POLLS_USUAL {
            Pin::new(stream).poll_next(cx)
        } else {
            spent.poll(cx, clock, |cx| Pin::new(stream).poll_next(cx))
        };
        if polled.is_ready() {
            *spent = Spent::default();
            return polled.map(Ok);
        }
        spent.polls += 1;
        if spent.is_over(STREAM_POLLS_MAX) { Poll::Ready(Err(Endless)) } else { Poll::Pending }
    }
}
