//! Joins RTSP playback to the recorder: reads what the relay asks for on the runtime's threads for blocking work.

use std::sync::Arc;

use media::id::StreamKey;
use media::stretch::Seek;
use media::wall::Wall;
use recorder::Playback;
use recorder::playback::Frames;
use relay::recording::{Read, Reading, Recordings, Unreadable};

/// What is recorded, as the relay sees it.
pub(crate) struct Tapes(Playback);

impl Tapes {
    /// All that this recorder has.
    pub(crate) fn new(playback: Playback) -> Arc<Self> {
        Arc::new(Self(playback))
    }
}

impl Recordings for Tapes {
    fn open(&self, stream: &StreamKey, from: Wall, to: Wall) -> Box<dyn Reading> {
        let range = recorder::Range { stream: stream.clone(), from, to };
        Box::new(Reader { frames: Some(self.0.frames(range)) })
    }
}

/// None once a read of it was broken off by a defect.
struct Reader {
    frames: Option<Frames>,
}

impl Reading for Reader {
    fn read(mut self: Box<Self>, seek: Seek) -> Read {
        Box::pin(async move {
            let Some(mut frames) = self.frames.take() else {
                return (self as Box<dyn Reading>, Err(Unreadable("the reader is gone".into())));
            };
            let reading = tokio::task::spawn_blocking(move || {
                let found = frames.read(seek);
                (frames, found)
            });
            let found = match reading.await {
                Ok((frames, found)) => {
                    self.frames = Some(frames);
                    found.map_err(|error| Unreadable(error.to_string()))
                }
                Err(error) => Err(Unreadable(error.to_string())),
            };
            (self as Box<dyn Reading>, found)
        })
    }
}
