//! One subscription's way along the ledger: the next event that it asked for is handed over until it is taken, then the cursor moves.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use bytes::Bytes;
use media::wall::{Clock, Wall};
use serde_json::{Value, json};

use super::metrics::WebhookMetrics;
use super::subscription::{Subscription, cursor, put_cursor};
use crate::ledger::{Entry, Event, Ledger, personal, vault};
use crate::mint::{NoEntropy, sortable_id};
use crate::outbound::Outbound;
use crate::stamp::Stamp;
use crate::store::{Batch, Store, StoreError};

/// How long a receiver may take; the specification advises 15 to 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How often a courier that has delivered everything looks for more.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Wait after the first failure; doubled each time up to the longest.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_LONGEST: Duration = Duration::from_secs(300);
/// Entries read at a time.
const ENTRIES_READ: usize = 256;
/// Entries passed over until the cursor is kept: what a restart reads again at most.
const PASSED_MAX: u64 = 1_000;

/// A message, ready to be signed.
pub(super) struct Parcel {
    id: String,
    body: Bytes,
}

impl Parcel {
    /// The message of an entry. The id is the same at every attempt, so that a receiver knows what he has already.
    fn of(
        subscription: &Subscription,
        origin: &str,
        entry: &Entry,
        event: &Event,
        store: &Store,
    ) -> Result<Self, StoreError> {
        let mut shown = if subscription.personal {
            vault::read(store, &entry.bytes)?.event
        } else {
            serde_json::from_slice(&entry.bytes).unwrap_or(Value::Null)
        };
        if !subscription.personal && event.v < personal::SEALED_VERSION {
            // Entries of before commitments have their words in clear.
            let _: Result<(), std::convert::Infallible> = personal::for_each(&mut shown, &mut |_, text| {
                *text = "withheld".into();
                Ok(())
            });
        }
        let data = json!({"index": entry.index, "event": shown});
        let message = json!({"type": event.kind.as_str(), "timestamp": event.at, "data": data});
        Ok(Self { id: format!("{origin}.{}", entry.index), body: message.to_string().into() })
    }

    /// A message that tells of nothing.
    pub(super) fn trial(subscription: &Subscription, now: Wall) -> Result<Self, NoEntropy> {
        let data = json!({"subscription": subscription.id});
        let message = json!({"type": "webhook.test", "timestamp": Stamp(now), "data": data});
        Ok(Self { id: format!("test.{}", sortable_id(now)?), body: message.to_string().into() })
    }
}

/// Who carries one subscription's events.
pub(super) struct Courier {
    pub(super) subscription: Subscription,
    pub(super) store: Store,
    pub(super) ledger: Ledger,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) outbound: Outbound,
    pub(super) metrics: Arc<WebhookMetrics>,
}

impl Courier {
    /// Delivers, forever. What fails is tried again.
    pub(super) async fn run(self) {
        let id = self.subscription.id.clone();
        let mut at = match cursor(&self.store, &id) {
            Ok(cursor) => cursor.map_or_else(|| self.ledger.size(), |cursor| cursor.next),
            // The look of a second later starts it anew.
            Err(error) => return tracing::error!(%error, %id, "a subscription's cursor could not be read"),
        };
        let mut kept = at;
        loop {
            match self.read(at).await {
                Some(entries) if !entries.is_empty() => {
                    for entry in &entries {
                        if self.deliver(entry).await {
                            kept = self.keep(entry.index + 1).await.unwrap_or(kept);
                        }
                        at = entry.index + 1;
                    }
                    if at - kept >= PASSED_MAX {
                        kept = self.keep(at).await.unwrap_or(kept);
                    }
                }
                _ => {
                    self.metrics.behind(&id, 0.0);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    async fn read(&self, at: u64) -> Option<Vec<Entry>> {
        if at >= self.ledger.size() {
            return None;
        }
        let ledger = self.ledger.clone();
        match tokio::task::spawn_blocking(move || ledger.read(at, ENTRIES_READ)).await {
            Ok(Ok(entries)) => Some(entries),
            Ok(Err(error)) => {
                tracing::error!(%error, "the ledger could not be read for a subscription");
                None
            }
            Err(_) => None,
        }
    }

    /// Hands the entry over until it is taken. False where it was not asked for.
    async fn deliver(&self, entry: &Entry) -> bool {
        let Ok(event) = entry.event() else { return false };
        if !self.subscription.wants(&event) {
            return false;
        }
        let id = &self.subscription.id;
        let mut wait = WAIT_FIRST;
        let mut told = false;
        loop {
            let parcel = Parcel::of(&self.subscription, &self.ledger.checkpoint().origin, entry, &event, &self.store);
            let outcome = match &parcel {
                Ok(parcel) => self.hand_over(parcel).await,
                Err(error) => Err(error.to_string()),
            };
            let why = match outcome {
                Ok(status) if (200..300).contains(&status) => {
                    self.metrics.attempted(id, true);
                    return true;
                }
                Ok(status) => format!("HTTP {status}"),
                Err(why) => why,
            };
            self.metrics.attempted(id, false);
            self.metrics.behind(id, self.clock.wall().since(event.at.0).as_secs_f64());
            if !told {
                tracing::warn!(subscription = %id, %why, entry = entry.index, "an event was not taken; it is tried again");
                told = true;
            }
            tokio::time::sleep(with_jitter(wait)).await;
            wait = (wait * 2).min(WAIT_LONGEST);
        }
    }

    /// One attempt. A redirect is an answer like any other, and is not followed.
    pub(super) async fn hand_over(&self, parcel: &Parcel) -> Result<u16, String> {
        let at = self.clock.wall().millis() / 1_000;
        let signature = self.subscription.secret.sign(&parcel.id, at, &parcel.body);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let own = [
            ("webhook-id", parcel.id.clone()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature),
        ];
        for (name, value) in own {
            let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let answer = self.outbound.post(&self.subscription.url, headers, parcel.body.clone(), TIMEOUT).await;
        answer.map(|answer| answer.status.as_u16()).map_err(|error| error.to_string())
    }

    async fn keep(&self, next: u64) -> Option<u64> {
        let now = self.clock.wall();
        let batch = match put_cursor(Batch::new(), &self.subscription.id, next, now) {
            Ok(batch) => self.store.commit_async(batch).await.map(drop),
            Err(error) => Err(error),
        };
        match batch {
            Ok(()) => Some(next),
            Err(error) => {
                // The event was taken; after a restart it is delivered once more.
                tracing::error!(%error, "a subscription's cursor could not be kept");
                None
            }
        }
    }
}

/// Half of it for sure, the other half by lot: receivers that come back are not run over by all at once.
fn with_jitter(wait: Duration) -> Duration {
    let mut lot = [0; 2];
    // Without randomness the wait is the same for all, which harms nobody much.
    let _ = getrandom::fill(&mut lot);
    wait / 2 + (wait / 2) * u32::from(u16::from_le_bytes(lot)) / u32::from(u16::MAX)
}
