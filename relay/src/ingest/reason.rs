//! Why a camera is not there, in one word each: for the register, the gaps in a recording, and a metric's label.

use std::fmt;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

/// Why a connection to a camera ended, or was never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its name does not resolve.
    Dns,
    /// Nothing listens on its port.
    Refused,
    /// No route to it.
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// It refused the login, or wants one.
    AuthFailed,
    /// It does not know the path.
    NotFound,
    /// It has no connection left for us.
    Busy,
    /// It offers no codec that is understood.
    UnsupportedCodec,
    /// Its description does not parse.
    BadSdp,
    /// It broke RTSP or RTP.
    Protocol,
    /// The connection stands, but no picture came for too long.
    StalledVideo,
    /// It took PLAY and sent nothing that can be shown.
    NoMedia,
    /// It closed the connection.
    ClosedByCamera,
    /// Its settings do not fit it, such as a transport that it does not offer.
    Config,
    /// Its settings were changed; it is dialled anew.
    Updated,
    /// The appliance stops, or the camera left the register.
    Shutdown,
}

/// Where in its life a connection was when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Describe,
    Setup,
    Play,
}

impl Reason {
    /// Every reason, in the order of `index`.
    pub const ALL: [Self; 16] = [
        Self::Dns,
        Self::Refused,
        Self::Unreachable,
        Self::Timeout,
        Self::AuthFailed,
        Self::NotFound,
        Self::Busy,
        Self::UnsupportedCodec,
        Self::BadSdp,
        Self::Protocol,
        Self::StalledVideo,
        Self::NoMedia,
        Self::ClosedByCamera,
        Self::Config,
        Self::Updated,
        Self::Shutdown,
    ];

    /// Its place in `ALL`.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The word, as in JSON and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::AuthFailed => "auth_failed",
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::BadSdp => "bad_sdp",
            Self::Protocol => "protocol",
            Self::StalledVideo => "stalled_video",
            Self::NoMedia => "no_media",
            Self::ClosedByCamera => "closed_by_camera",
            Self::Config => "config",
            Self::Updated => "updated",
            Self::Shutdown => "shutdown",
        }
    }

    /// Of an attempt to connect.
    pub(super) fn of_connect(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Unreachable,
        }
    }

    /// Of a connection that stood.
    pub(super) fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Timeout,
            _ => Self::ClosedByCamera,
        }
    }

    /// RFC 2326 section 7.1.1.
    pub(super) fn of_status(stage: Stage, status: u16) -> Self {
        match status {
            401 | 403 | 407 => Self::AuthFailed,
            404 | 410 => Self::NotFound,
            453 | 503 => Self::Busy,
            461 if stage == Stage::Setup => Self::Config,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_at_its_place_under_its_json_name() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
