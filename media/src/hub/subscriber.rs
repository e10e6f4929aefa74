//! A reader of its own: a position in the hub, and a place among those that can be woken.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::cursor::{Cursor, Delivery};
use super::{Hub, State};
use crate::frame::StreamInfo;

/// A reader of a hub. Dropping it ends the reading.
pub struct Subscriber {
    hub: Arc<Hub>,
    slot: usize,
    cursor: Cursor,
}

impl Subscriber {
    pub(super) fn new(hub: Arc<Hub>, slot: usize, cursor: Cursor) -> Self {
        Self { hub, slot, cursor }
    }

    /// The next delivery if one is there. `Ready(None)` is the end of the stream.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        if let Some(delivery) = self.take(&mut state) {
            return Poll::Ready(Some(delivery));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.readers.wait(self.slot, cx.waker());
        Poll::Pending
    }

    /// The next delivery, awaited. Safe to drop at any point: nothing is lost.
    pub async fn next(&mut self) -> Option<Delivery> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next delivery if one is there, without waiting for more.
    pub fn try_next(&mut self) -> Option<Delivery> {
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        self.take(&mut state)
    }

    /// From now on the ring keeps what this reader has not read, as far as its bytes allow and however old that is by the
    /// camera's clock: a burst after a stall of the network must not push out frames between two visits. For a reader
    /// that comes by for sure; one that stops reading fills the ring.
    pub fn keep_unread(&mut self) {
        self.hub.state.lock().ring.keep_unread(self.slot, self.cursor.next());
    }

    /// True once the hub is closed and all that was in it has been read.
    pub fn ended(&self) -> bool {
        let state = self.hub.state.lock();
        state.closed && self.cursor.next() >= state.ring.end()
    }

    /// The description in force now.
    pub fn info(&self) -> Option<Arc<StreamInfo>> {
        self.hub.info()
    }

    fn take(&mut self, state: &mut State) -> Option<Delivery> {
        let delivery = self.cursor.take(&state.ring, state.closed);
        state.ring.advance(self.slot, self.cursor.next());
        delivery
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut state = self.hub.state.lock();
        state.ring.release(self.slot);
        state.readers.remove(self.slot);
    }
}
