//! Viewing sessions: from a permit on the ledger to a lease in the relay, and to the end of both. Deliberately absent: the
//! decision (`policy`), the grants (`grants`), and the bytes themselves (the relay's, and `playback`'s).

pub mod asking;
mod balance;
mod deadlines;
pub mod desk;
mod ending;
mod events;
mod hands;
mod inquiry;
pub mod metrics;
mod permitting;
mod standing;
mod table;
pub mod view;
mod watching;

use std::time::Duration;

use jiff::tz::TimeZone;

pub use asking::{Ask, Opened, Origin, Urls};
pub use desk::SessionDesk;
pub use metrics::SessionMetrics;
pub use view::SessionView;

use crate::unusual::Bounds;

/// Settings of sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A lease lasts this long and is then renewed by its viewer. 1 hour: a wall of screens renews 8 times in a shift.
    pub lease: Duration,
    /// A session is over after this long, however often it is renewed. 8 hours: one shift.
    pub session_max: Duration,
    /// The first media byte must have left by then (regulation: 60 s by default).
    pub first_byte_timeout: Duration,
    /// How long frames of a session may wait on a loaded core to leave together.
    pub merge_latency: Duration,
    /// No further session is taken where its core is at work for this share of its time.
    pub core_busy_max: f64,
    /// Longest stretch of one playback session. 24 hours: a playlist of 1,440 segments.
    pub playback_max: Duration,
    /// The host that URLs name; none means the one the caller used.
    pub public_host: Option<String>,
    /// The port of the RTSP listener, as viewers reach it.
    pub rtsp_port: u16,
    /// The port of the RTSPS listener, as viewers reach it, where there is one.
    pub rtsps_port: Option<u16>,
    /// True where the HTTP listener speaks TLS.
    pub http_tls: bool,
    /// The port of the HTTP listener, as viewers reach it; used with `public_host`.
    pub http_port: u16,
    /// What is unusual use.
    pub unusual: Bounds,
    /// The site's time zone: daily hours are read in it.
    pub zone: TimeZone,
    /// Sessions that one person may have open; none means no limit beside the grants'.
    pub per_user_max: Option<u32>,
    /// Only registered terminals are served (J-27). Off: the zone is asked for in any case, and a terminal is an address, which
    /// many networks hand out anew each day.
    pub terminals_registered: bool,
    /// What does not serve public security is held to the sub-stream (PIPL-26). Off: the buyer settles it.
    pub non_security_sub_stream: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(3_600),
            session_max: Duration::from_secs(8 * 3_600),
            first_byte_timeout: Duration::from_secs(60),
            merge_latency: Duration::from_millis(40),
            core_busy_max: 0.85,
            playback_max: Duration::from_secs(24 * 3_600),
            public_host: None,
            rtsp_port: 8554,
            rtsps_port: None,
            http_tls: false,
            http_port: 8080,
            unusual: Bounds::default(),
            zone: TimeZone::fixed(jiff::tz::offset(8)),
            per_user_max: None,
            terminals_registered: false,
            non_security_sub_stream: false,
        }
    }
}

#[cfg(test)]
mod api_key_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;
