//! What a packager has made, and whoever waits for more of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use media::hls::live::{Cut, Cutter, Map, Name, Part, Window};
use media::hub::Hub;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::directory::Stream;

/// A request may name a segment so far ahead of the newest, as the draft has it (section 6.2.5.2); the rest is nonsense.
const AHEAD_MAX: u64 = 2;

/// Why there is nothing to be had, now or ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// The stream ended, or another one has taken its place.
    #[error("the stream is over")]
    Over,
    /// Nothing in it that this way carries.
    #[error("{0}")]
    Unplayable(String),
    /// No such thing, or not any more.
    #[error("no such part")]
    Missing,
    /// What is asked for is far ahead of what there is.
    #[error("far ahead of the newest segment")]
    Ahead,
}

/// One stream's parts.
pub struct Shelf {
    stream: Stream,
    window: Mutex<Window>,
    /// Rises with each part; why there will be no more, once that is known.
    news: watch::Sender<(u64, Option<Gone>)>,
    /// When somebody asked last, in milliseconds of the monotonic line.
    asked_ms: AtomicU64,
}

/// What a name stands for.
pub enum Found {
    /// A header.
    Map(Arc<Map>),
    /// Parts, in their order.
    Parts(Arc<Map>, Vec<Part>),
}

impl Shelf {
    pub(super) fn new(stream: &Stream, now: Duration) -> Arc<Self> {
        // A player that slept finds another window, and nothing in it under a number it knows: no segment is shorter than 1 ms.
        let begin = u64::try_from(now.as_millis()).unwrap_or(u64::MAX / 2);
        let shelf = Self {
            stream: stream.clone(),
            window: Mutex::new(Window::beginning_at(begin)),
            news: watch::Sender::new((0, None)),
            asked_ms: AtomicU64::new(0),
        };
        shelf.asked(now);
        Arc::new(shelf)
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.stream.hub
    }

    /// It is this stream's, and its packager still works.
    pub(super) fn is_of(&self, stream: &Stream) -> bool {
        Arc::ptr_eq(&self.stream.hub, &stream.hub) && self.news.borrow().1.is_none()
    }

    pub(super) fn asked(&self, now: Duration) {
        self.asked_ms.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn asked_at(&self) -> Duration {
        Duration::from_millis(self.asked_ms.load(Ordering::Relaxed))
    }

    /// What cuts for it.
    pub(super) fn cutter(&self) -> Cutter {
        Cutter::beginning_at(self.window.lock().end().segment)
    }

    /// Takes a part in, and lets go of what is older than the newest `bytes_max`; whoever waits looks again. Gives the bytes that
    /// it holds now.
    pub(super) fn add(&self, cut: Cut, bytes_max: usize) -> usize {
        let mut window = self.window.lock();
        window.push(cut.part, &cut.map, cut.broken, bytes_max);
        let bytes = window.bytes();
        drop(window);
        self.news.send_modify(|(number, _)| *number += 1);
        bytes
    }

    pub(super) fn close(&self, why: Gone) {
        self.news.send_modify(|(_, gone)| *gone = Some(why));
    }

    /// Waits until it holds of the window. Safe to drop.
    async fn until(&self, holds: impl Fn(&Window) -> bool) -> Result<(), Gone> {
        let mut news = self.news.subscribe();
        loop {
            let gone = news.borrow_and_update().1.clone();
            if holds(&self.window.lock()) {
                return Ok(());
            }
            if let Some(gone) = gone {
                return Err(gone);
            }
            // The sender is this shelf's own.
            let _ = news.changed().await;
        }
    }

    /// The playlist, once it names segment and part, if they are given. Waits; whoever asks bounds the wait.
    pub async fn playlist(&self, wanted: Option<(u64, Option<usize>)>, skip: bool) -> Result<String, Gone> {
        if let Some((segment, _)) = wanted
            && segment > self.window.lock().end().segment + AHEAD_MAX
        {
            return Err(Gone::Ahead);
        }
        // A playlist of parts alone is an empty one to some players, and they ask again only a target duration later.
        self.until(|window| window.has_whole() && wanted.is_none_or(|(segment, part)| window.has(segment, part)))
            .await?;
        Ok(self.window.lock().playlist(skip))
    }

    /// What a name stands for. A part that comes next, as the playlist hints, is waited for.
    pub async fn find(&self, name: Name) -> Result<Found, Gone> {
        if let Name::Part(segment, part) = name {
            let end = self.window.lock().end();
            let hinted = (segment, part) == (end.segment, end.part);
            if hinted {
                self.until(|window| window.has(segment, Some(part))).await?;
            }
        }
        let window = self.window.lock();
        let found = match name {
            Name::Map(number) => window.map(number).map(|map| Found::Map(Arc::clone(map))),
            Name::Segment(number) if window.has(number, None) => {
                window.segment(number).map(|s| Found::Parts(Arc::clone(&s.map), s.parts.clone()))
            }
            Name::Segment(_) => None,
            Name::Part(number, part) => window.segment(number).and_then(|segment| {
                Some(Found::Parts(Arc::clone(&segment.map), vec![segment.parts.get(part)?.clone()]))
            }),
        };
        found.ok_or(Gone::Missing)
    }
}
