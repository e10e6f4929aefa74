//! Leases: what the relay knows of a session. The control API puts them in and takes them away; the relay admits nobody
//! without one and asks nobody else. A token is kept as its hash only.
//!
//! `table` holds them and ends them in time; `events` is what the control API hears of it. Opening a connection under a
//! lease is `admission`'s.

mod entry;
mod events;
mod line;
mod table;
mod tally;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use media::id::StreamKey;
use media::mark::SessionMark;
use media::wall::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use events::EventReceiver;
pub(crate) use line::{Line, Meter};
pub(crate) use table::Attached;
pub use table::{CannotGrant, Leases, Snapshot};
pub(crate) use tally::Tally;
pub use tally::Totals;

/// Bytes of a viewing token before base64url: 256 bits.
pub const TOKEN_BYTES: usize = 32;

/// A session's id, as the ledger and the API know it: 26 characters, sortable by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub String);

/// SHA-256 of a viewing token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token's bytes.
    pub fn of(token: &[u8; TOKEN_BYTES]) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// Not the hash itself: a log must not help to find a session.
impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// The protocols a lease can be used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RTSP, over TCP or UDP.
    Rtsp,
    /// HTTP Live Streaming.
    Hls,
    /// fMP4 over WebSocket.
    Mse,
    /// WebRTC by WHEP.
    Whep,
    /// A file over HTTP.
    Download,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rtsp, Self::Hls, Self::Mse, Self::Whep, Self::Download];

    /// Its word in URLs, labels and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Hls => "hls",
            Self::Mse => "mse",
            Self::Whep => "whep",
            Self::Download => "download",
        }
    }

    /// One viewing is one connection, so that a newer one takes over; HLS makes a connection for every file, and a download one for
    /// every part of it.
    pub fn is_one_connection(self) -> bool {
        !matches!(self, Self::Hls | Self::Download)
    }
}

/// What may be watched under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The stream as it comes in.
    Live(StreamKey),
    /// A stretch of the recording, `from` before `to`.
    Playback {
        /// Which stream's recording.
        stream: StreamKey,
        /// Beginning, inclusive.
        from: Wall,
        /// End, exclusive.
        to: Wall,
    },
}

/// One session's right to bytes.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The session it belongs to.
    pub session: SessionId,
    /// Hash of the token in its URLs.
    pub token: TokenHash,
    /// What may be watched.
    pub content: Content,
    /// The one address it may be watched from.
    pub terminal: IpAddr,
    /// The protocols its URLs were made for.
    pub protocols: Vec<Protocol>,
    /// What its copies are marked with.
    pub mark: SessionMark,
    /// How long its frames may wait to leave together; zero for whoever steers by what he sees.
    pub merge_latency: Duration,
    /// Who goes first when there is not enough for all.
    pub priority: Priority,
    /// What it will take of the network, in bits per second, as far as that is known.
    pub expected_bits: u64,
    /// Unless the first media byte has left by then, the lease is over. On the clock's monotonic line.
    pub first_byte_by: Duration,
    /// The lease is over at this time. On the clock's monotonic line.
    pub expires_at: Duration,
}

/// Whose session ends when another must have its place: the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// As granted.
    #[default]
    Ordinary,
    /// Priority use in an emergency (J-8).
    Emergency,
}

/// Why a session ended; the words of the usage record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The viewer left, or asked for the end.
    User,
    /// No first byte in time, or no request for too long.
    Idle,
    /// The lease ran out.
    Expired,
    /// The grant, or what it hangs on, was revoked.
    Revoked,
    /// The grant, or what it hangs on, was suspended.
    Suspended,
    /// A session of higher priority took its place.
    Preempted,
    /// The camera left the register, or came back as something else.
    CameraLost,
    /// The viewer could not keep up.
    TooSlow,
    /// The connection broke.
    Network,
    /// Unusual use.
    Anomaly,
    /// The appliance was stopped.
    Shutdown,
    /// The appliance ended without stopping; found at the next start.
    Crash,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::User,
        Self::Idle,
        Self::Expired,
        Self::Revoked,
        Self::Suspended,
        Self::Preempted,
        Self::CameraLost,
        Self::TooSlow,
        Self::Network,
        Self::Anomaly,
        Self::Shutdown,
        Self::Crash,
    ];

    /// Its word in records and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Idle => "idle",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Suspended => "suspended",
            Self::Preempted => "preempted",
            Self::CameraLost => "camera_lost",
            Self::TooSlow => "too_slow",
            Self::Network => "network",
            Self::Anomaly => "anomaly",
            Self::Shutdown => "shutdown",
            Self::Crash => "crash",
        }
    }
}

/// Why a connection got no byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No lease has this token, or the text is no token at all.
    #[error("no session has this token")]
    Unknown,
    /// The lease is for another terminal.
    #[error("the session belongs to another terminal")]
    WrongTerminal,
    /// The lease's URLs were made for other protocols.
    #[error("the session was not made for this protocol")]
    WrongProtocol,
    /// The lease has run out.
    #[error("the session has expired")]
    Expired,
    /// The session is over for another reason.
    #[error("the session is over")]
    Ended(EndReason),
}

impl Refused {
    /// The code word of `regulation.md` section 6, or of the relay where that has none.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown | Self::WrongProtocol => "SESSION_UNKNOWN",
            Self::WrongTerminal => "TERMINAL_MISMATCH",
            Self::Expired => "SESSION_EXPIRED",
            Self::Ended(EndReason::Preempted) => "PREEMPTED_BY_EMERGENCY",
            Self::Ended(_) => "SESSION_ENDED",
        }
    }

    /// Status over HTTP and RTSP alike. What is unknown and what is leased for other protocols answer alike, so that
    /// a found token says nothing.
    pub fn status(self) -> u16 {
        match self {
            Self::Unknown | Self::WrongProtocol => 404,
            Self::WrongTerminal | Self::Expired | Self::Ended(_) => 403,
        }
    }

    /// Which of the five it is, for a metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongTerminal => "wrong_terminal",
            Self::WrongProtocol => "wrong_protocol",
            Self::Expired => "expired",
            Self::Ended(_) => "ended",
        }
    }
}

/// What the relay tells of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The first media byte left.
    Started {
        /// Whose.
        session: SessionId,
        /// When.
        at: Wall,
        /// By which protocol.
        protocol: Protocol,
    },
    /// The session is over; no byte leaves after this.
    Closed {
        /// Whose.
        session: SessionId,
        /// When.
        at: Wall,
        /// Why.
        reason: EndReason,
        /// Media bytes handed to the kernel for it, over all its connections.
        bytes: u64,
    },
    /// A connection was refused; no byte left.
    Refused {
        /// When.
        at: Wall,
        /// From where.
        peer: IpAddr,
        /// By which protocol.
        protocol: Protocol,
        /// Whose token it had, where it had one.
        session: Option<SessionId>,
        /// Why.
        why: Refused,
    },
}
