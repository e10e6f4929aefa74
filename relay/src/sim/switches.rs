//! What can be made to go wrong with a simulated camera, from any thread, while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use media::clip::Clip;
use parking_lot::Mutex;

use super::reel::{EmptyClip, Reel};

/// One camera's switches. All are off at first.
pub struct Switches {
    offline: AtomicBool,
    stall_video: AtomicBool,
    silence: AtomicBool,
    garbage_sdp: AtomicBool,
    no_parameter_sets: AtomicBool,
    /// Of so many datagrams one is left out; 0 for none.
    drop_every: AtomicU32,
    /// Of so many datagrams one changes places with the next; 0 for none.
    swap_every: AtomicU32,
    closings: AtomicU64,
    connections: AtomicU64,
    reel: Mutex<Arc<Reel>>,
    reels: AtomicU64,
    /// Its pictures say when they were sent.
    stamped: bool,
}

macro_rules! switch {
    ($(#[$doc:meta])* $set:ident, $is:ident, $field:ident) => {
        $(#[$doc])*
        pub fn $set(&self, on: bool) {
            self.$field.store(on, Ordering::Relaxed);
        }

        pub(super) fn $is(&self) -> bool {
            self.$field.load(Ordering::Relaxed)
        }
    };
}

impl Switches {
    pub(super) fn new(reel: Arc<Reel>, stamped: bool) -> Self {
        Self {
            offline: AtomicBool::new(false),
            stall_video: AtomicBool::new(false),
            silence: AtomicBool::new(false),
            garbage_sdp: AtomicBool::new(false),
            no_parameter_sets: AtomicBool::new(false),
            drop_every: AtomicU32::new(0),
            swap_every: AtomicU32::new(0),
            closings: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            reel: Mutex::new(reel),
            reels: AtomicU64::new(0),
            stamped,
        }
    }

    switch!(
        /// Connections are closed as soon as they name this camera, and open ones at once.
        set_offline, is_offline, offline
    );
    switch!(
        /// The video stops; sound and RTCP go on.
        set_video_stalled, is_video_stalled, stall_video
    );
    switch!(
        /// Nothing is sent any more over connections that stay open.
        set_silent, is_silent, silence
    );
    switch!(
        /// DESCRIBE is answered with something that is no SDP.
        set_garbage_sdp, has_garbage_sdp, garbage_sdp
    );
    switch!(
        /// Parameter sets are neither in the SDP nor before the keyframes.
        set_without_parameter_sets, lacks_parameter_sets, no_parameter_sets
    );

    /// Of so many UDP datagrams one is left out; 0 for none.
    pub fn set_drop_every(&self, datagrams: u32) {
        self.drop_every.store(datagrams, Ordering::Relaxed);
    }

    /// Of so many UDP datagrams one changes places with the next; 0 for none.
    pub fn set_swap_every(&self, datagrams: u32) {
        self.swap_every.store(datagrams, Ordering::Relaxed);
    }

    /// Closes the open connections. A new one has a new SSRC, sequence numbers and timestamps, as all have.
    pub fn close(&self) {
        self.closings.fetch_add(1, Ordering::Relaxed);
    }

    /// Sends another clip from now on, over open connections too.
    pub fn set_clip(&self, clip: &Clip) -> Result<(), EmptyClip> {
        *self.reel.lock() = Reel::new(clip, self.stamped)?;
        self.reels.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Connections that named this camera so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closings(&self) -> u64 {
        self.closings.load(Ordering::Relaxed)
    }

    pub(super) fn reel(&self) -> (Arc<Reel>, u64) {
        let reel = self.reel.lock();
        (Arc::clone(&reel), self.reels.load(Ordering::Acquire))
    }

    pub(super) fn reels(&self) -> u64 {
        self.reels.load(Ordering::Acquire)
    }

    pub(super) fn drops_every(&self) -> u32 {
        self.drop_every.load(Ordering::Relaxed)
    }

    pub(super) fn swaps_every(&self) -> u32 {
        self.swap_every.load(Ordering::Relaxed)
    }
}
