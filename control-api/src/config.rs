//! What can be set about the control API. Plain values with their defaults and reasons; reading a file is the binary's work.

pub mod oidc;
pub mod player_origin;

use std::time::Duration;

use crate::registers::Area;
use crate::registers::user::means::Reach;

/// The zone of the regulation.
const SITE_AREA: &str = "济源";

/// Settings of accounts, limits and the HTTP shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The area that the whole site is, and that a camera stands in where nothing closer is said. 济源, the zone of the
    /// regulation.
    pub site_area: Area,
    /// Pages of these origins may play what a viewing URL leads to. None.
    pub player_origins: Vec<player_origin::Origin>,
    /// Who signs in with a second factor. The three separated administrators: MLPS level 3. Whoever has enrolled one gives it
    /// in any case.
    pub second_factor: Reach,
    /// The identity provider, where people sign in through one too. None.
    pub oidc: Option<oidc::Settings>,
    /// A sign-in that was not used for this long is over. 30 minutes: MLPS level 3 asks for an idle time-out.
    pub login_idle: Duration,
    /// A sign-in is over after this long in any case. 12 hours: one shift.
    pub login_lifetime: Duration,
    /// Wrong passwords in a row before an account locks. 5, the usual reading of MLPS level 3.
    pub lockout_failures: u32,
    /// First lock. Each further wrong password doubles it, up to `lockout_max`. 10 minutes.
    pub lockout_base: Duration,
    /// Longest lock. 1 hour: longer would let a stranger keep a duty officer out.
    pub lockout_max: Duration,
    /// Fewest characters of a password. 12: with lock-out, out of reach of guessing.
    pub password_chars_min: usize,
    /// A password older than this has to be changed before anything else. 90 days, the usual reading of MLPS level 3.
    pub password_age_max: Duration,
    /// Whose passwords age.
    pub password_ages: Reach,
    /// Memory of one password hash in KiB. 19 MiB with 2 passes is the OWASP floor for argon2id.
    pub password_memory_kib: u32,
    /// Passes of one password hash.
    pub password_passes: u32,
    /// Password hashes computed at once. 2: a flood of sign-ins takes 2 threads and 38 MiB, never more.
    pub password_hashes_at_once: usize,
    /// Sign-ins that may wait for a hash; more are told to come back. 64 wait about 2 s at the default cost.
    pub password_hashes_waiting: usize,
    /// Sign-in attempts that one address may make in a burst before it is slowed down. 60: a control room behind one address.
    pub address_burst: u32,
    /// How fast an address earns attempts back: one in this time. 1 second.
    pub address_earns_every: Duration,
    /// Refusals without a sign-in that one address may put on the ledger in a burst; further ones are answered and counted,
    /// but not written one by one, so that nobody can fill the disk without an account. 200.
    pub refusal_burst: u32,
    /// Sign-ins one user may have at once; the oldest ends when there is one more. 8.
    pub logins_per_user_max: usize,
    /// Largest request body. 1 MiB: the largest form is a page of text and a list of cameras.
    pub body_bytes_max: usize,
    /// Largest import. 16 MiB: far more than its 2,000 rows need.
    pub import_bytes_max: usize,
    /// A request's head must have arrived by then. 10 seconds: slow drips hold a connection no longer.
    pub header_read_timeout: Duration,
    /// A request must be answered by then. 30 seconds: the largest import takes some seconds.
    pub request_timeout: Duration,
    /// Connections at once; further ones are closed. 4,096.
    pub connections_max: usize,
    /// Connections from one address at once; further ones are closed. 256: a console opens some six, a wall of screens more.
    pub connections_per_address_max: usize,
    /// Requests under way get this long after a shut-down was asked for. 10 seconds.
    pub drain_timeout: Duration,
    /// How long the result of a POST with an `Idempotency-Key` is kept. 24 hours.
    pub idempotency_kept_for: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            site_area: SITE_AREA.parse().expect("a shipped area is a path, as a test shows"),
            player_origins: Vec::new(),
            second_factor: Reach::Administrators,
            oidc: None,
            login_idle: Duration::from_secs(30 * 60),
            login_lifetime: Duration::from_secs(12 * 3_600),
            lockout_failures: 5,
            lockout_base: Duration::from_secs(10 * 60),
            lockout_max: Duration::from_secs(3_600),
            password_chars_min: 12,
            password_age_max: Duration::from_secs(90 * 24 * 3_600),
            password_ages: Reach::Administrators,
            password_memory_kib: 19 * 1_024,
            password_passes: 2,
            password_hashes_at_once: 2,
            password_hashes_waiting: 64,
            address_burst: 60,
            address_earns_every: Duration::from_secs(1),
            refusal_burst: 200,
            logins_per_user_max: 8,
            body_bytes_max: 1 << 20,
            import_bytes_max: 16 << 20,
            header_read_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            connections_max: 4_096,
            connections_per_address_max: 256,
            drain_timeout: Duration::from_secs(10),
            idempotency_kept_for: Duration::from_secs(24 * 3_600),
        }
    }
}
