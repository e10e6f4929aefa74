//! The door: a token from a URL, the address it came from and the protocol it was used with, against the table of
//! leases. `Admitted` is the right to send bytes; only `Leases::admit` makes one. Whom to grant a lease is decided above.

use std::net::IpAddr;
use std::sync::Arc;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use media::mark::SessionMark;
use media::wall::Wall;

use crate::lease::{Attached, Content, EndReason, Leases, Protocol, Refused, SessionId, TOKEN_BYTES, TokenHash};

/// Characters of a token in a URL: 32 bytes as base64url without padding.
pub const TOKEN_CHARS: usize = 43;

/// A connection that may send. Dropping it is the connection's end.
pub struct Admitted {
    leases: Arc<Leases>,
    attached: Attached,
    /// How the connection leaves, unless it says otherwise.
    departure: EndReason,
}

impl Leases {
    /// Opens a connection under the lease with this token. Every refusal is an event for the ledger.
    ///
    /// The token is looked up by its SHA-256: what a timing could tell is about the hash, which helps nobody to find
    /// a token. A peer of the kind `::ffff:a.b.c.d` counts as `a.b.c.d`.
    pub fn admit(self: &Arc<Self>, token: &str, peer: IpAddr, protocol: Protocol) -> Result<Admitted, Refused> {
        let peer = peer.to_canonical();
        let Some(token) = decode(token) else {
            self.refuse(peer, protocol, None, Refused::Unknown);
            return Err(Refused::Unknown);
        };
        let attached = self.attach(TokenHash::of(&token), peer, protocol)?;
        let departure = if protocol.is_one_connection() { EndReason::Network } else { EndReason::Idle };
        Ok(Admitted { leases: Arc::clone(self), attached, departure })
    }
}

fn decode(token: &str) -> Option<[u8; TOKEN_BYTES]> {
    if token.len() != TOKEN_CHARS {
        return None;
    }
    URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()
}

impl Admitted {
    /// What may be sent.
    pub fn content(&self) -> &Content {
        &self.attached.content
    }

    /// By which protocol.
    pub fn protocol(&self) -> Protocol {
        self.attached.line.protocol
    }

    /// Whose connection it is.
    pub fn session(&self) -> &SessionId {
        &self.attached.session
    }

    /// What its copies are marked with.
    pub fn mark(&self) -> SessionMark {
        self.attached.mark
    }

    /// How long its frames may wait to leave together.
    pub fn merge_latency(&self) -> Duration {
        self.attached.merge_latency
    }

    /// Counts media bytes that were handed on over HTTP just now, for the session and for its protocol. The first ones start the
    /// session.
    pub fn handed_on(&self, bytes: u64) {
        self.leases.handed_on.with_label_values(&[self.protocol().as_str()]).inc_by(bytes);
        self.sent(bytes);
    }

    /// Counts media bytes that were handed to the kernel just now. The first ones start the session.
    pub fn sent(&self, bytes: u64) {
        self.sent_at(bytes, self.leases.clock.wall());
    }

    /// The same by a clock that was read already.
    pub fn sent_at(&self, bytes: u64, at: Wall) {
        self.attached.meter.count(bytes, at);
        // A meter's address serves as its session's place; the low bits are the same for all.
        self.leases.tally.count(Arc::as_ptr(&self.attached.meter).addr() >> 6, bytes);
        if self.attached.line.begins_to_play() {
            self.leases.started(&self.attached.session, &self.attached.line);
        }
    }

    /// Waits until the connection must stop, and says why. Safe to drop and to call again.
    pub async fn ended(&self) -> EndReason {
        self.attached.line.ended().await
    }

    /// True once the connection must stop. Look before each send: nothing may be sent after.
    pub fn has_ended(&self) -> bool {
        self.end_reason().is_some()
    }

    /// Why the connection must stop, once it must.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.attached.line.end_reason()
    }

    /// The connection is over, in this way. The session stays open for another one until the idle time is over.
    pub fn leave(mut self, how: EndReason) {
        self.departure = how;
    }

    /// The whole session is over, for this reason.
    pub fn end_session(self, reason: EndReason) {
        self.leases.end(&self.attached.session, reason);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.leases.detach(&self.attached.session, &self.attached.line, self.departure);
    }
}
