//! Which streams there are, where each one's frames come out, and on which core: written by ingest, read by whoever
//! serves viewers. It holds no camera's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use media::hub::Hub;
use media::id::StreamKey;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::core::CoreId;

/// A stream that can be watched. It stays while its camera is away.
#[derive(Clone)]
pub struct Stream {
    /// Its name.
    pub key: StreamKey,
    /// Where its frames come out.
    pub hub: Arc<Hub>,
    /// The core that its camera runs on, and its viewers shall.
    pub core: CoreId,
}

/// The streams of this relay.
pub struct Streams {
    streams: Mutex<BTreeMap<StreamKey, Stream>>,
    changes: watch::Sender<u64>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { streams: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Streams {
    /// An empty directory.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Puts a stream in, in place of one of the same name, which is given back: its hub is the caller's to close.
    pub fn insert(&self, stream: Stream) -> Option<Stream> {
        let old = self.streams.lock().insert(stream.key.clone(), stream);
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
        old
    }

    /// Takes a stream out and gives it back: its hub is the caller's to close, which ends its viewers.
    pub fn remove(&self, key: &StreamKey) -> Option<Stream> {
        let old = self.streams.lock().remove(key);
        if old.is_some() {
            self.changes.send_modify(|n| *n = n.wrapping_add(1));
        }
        old
    }

    /// One stream.
    pub fn lookup(&self, key: &StreamKey) -> Option<Stream> {
        self.streams.lock().get(key).cloned()
    }

    /// All streams, in the order of their names.
    pub fn all(&self) -> Vec<Stream> {
        self.streams.lock().values().cloned().collect()
    }

    /// Changes whenever a stream comes or goes; read `all` then. The number itself says nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::hub::HubLimits;
    use media::id::Profile;

    #[test]
    fn a_change_is_told_and_a_remove_of_nothing_is_none() {
        let core = CoreId::FIRST;
        let key = StreamKey { camera: "cam-1".parse().unwrap(), profile: Profile::Main };
        let streams = Streams::new();
        let mut changes = streams.changes();
        let hub = Hub::new(HubLimits::default(), 1);
        streams.insert(Stream { key: key.clone(), hub: Arc::clone(&hub), core });
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert!(Arc::ptr_eq(&streams.lookup(&key).unwrap().hub, &hub));
        assert!(streams.remove(&key).is_some());
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert!(streams.remove(&key).is_none());
        assert!(!changes.has_changed().unwrap());
    }
}
