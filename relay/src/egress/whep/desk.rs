//! The list of WebRTC viewers: each under a name that is his own, so that he can leave by it. Whoever names one must have come
//! with the token and from the host that the offer came with and from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

/// The list.
pub(super) struct Desk {
    viewers: Mutex<HashMap<String, Seated>>,
    viewers_max: usize,
    gauge: IntGauge,
}

struct Seated {
    /// Hash of his token.
    token: [u8; 32],
    host: IpAddr,
    /// The browser's name for its side of ICE.
    ufrag: String,
    leave: Arc<Notify>,
}

/// A viewer's entry; dropping it takes him off.
pub(super) struct Entry {
    desk: Arc<Desk>,
    id: String,
}

/// Who asks about a viewer.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The token of the URL.
    pub token: &'a str,
    /// Where the request came from.
    pub host: IpAddr,
}

impl Desk {
    pub(super) fn new(viewers_max: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self { viewers: Mutex::default(), viewers_max, gauge })
    }

    /// Puts a viewer on the list; none where it is full.
    pub(super) fn seat(self: &Arc<Self>, id: &str, asker: Asker<'_>, ufrag: &str) -> Option<(Entry, Arc<Notify>)> {
        let leave = Arc::new(Notify::new());
        let seated =
            Seated { token: hash(asker.token), host: asker.host, ufrag: ufrag.to_owned(), leave: Arc::clone(&leave) };
        let mut viewers = self.viewers.lock();
        if viewers.len() >= self.viewers_max {
            return None;
        }
        viewers.insert(id.to_owned(), seated);
        self.gauge.set(i64::try_from(viewers.len()).unwrap_or(i64::MAX));
        drop(viewers);
        Some((Entry { desk: Arc::clone(self), id: id.to_owned() }, leave))
    }

    /// Lets a viewer leave; false where there is none of that name for this asker.
    pub(super) fn leave(&self, id: &str, asker: Asker<'_>) -> bool {
        let viewers = self.viewers.lock();
        let found = viewers.get(id).filter(|seated| seated.is_of(asker));
        found.inspect(|seated| seated.leave.notify_one()).is_some()
    }

    /// The browser's name for its side of ICE.
    pub(super) fn ufrag(&self, id: &str, asker: Asker<'_>) -> Option<String> {
        self.viewers.lock().get(id).filter(|seated| seated.is_of(asker)).map(|seated| seated.ufrag.clone())
    }
}

impl Seated {
    fn is_of(&self, asker: Asker<'_>) -> bool {
        self.host == asker.host && self.token == hash(asker.token)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut viewers = self.desk.viewers.lock();
        viewers.remove(&self.id);
        self.desk.gauge.set(i64::try_from(viewers.len()).unwrap_or(i64::MAX));
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
