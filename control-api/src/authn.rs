//! Who is speaking: passwords and codes in, bearer tokens out, and from a token the [`Principal`] that every handler asks for. Refusals
//! come in the order of the rules: terminal, sign-in, account, unit.

mod api_key;
pub mod lockout;
pub mod login;
pub mod oidc;
pub mod otp;
pub mod password;
pub mod principal;
mod sign_in;
pub mod throttle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use media::wall::{Clock, Wall};
use parking_lot::Mutex;

pub use password::Passwords;
pub use principal::Principal;
pub use sign_in::{SignedIn, Typed};

use crate::audit::record;
use crate::config::Config;
use crate::error::{ApiError, Code};
use crate::ledger::{Event, Kind, Ledger};
use crate::outbound::Outbound;
use crate::registers::user::means::Reach;
use crate::registers::user::{User, UserState};
use crate::registers::{UnitId, UserId, unit, user};
use crate::store::{Batch, Store, Versioned};
use lockout::{Rule, Strangers};
use login::{Login, Way};
use oidc::{Oidc, OidcStartError};
use otp::OtpKey;
use throttle::Throttle;

/// How often a sign-in's last use is written down: the idle time-out is true to within this.
pub const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// Why nobody could sign in.
#[derive(Debug, thiserror::Error)]
pub enum AuthnStartError {
    /// The password hash cannot be computed at these costs.
    #[error(transparent)]
    Cost(#[from] password::BadCost),
    /// The identity provider cannot be used as it is configured.
    #[error(transparent)]
    Oidc(#[from] OidcStartError),
}

/// Whoever a token stands for.
pub struct Known {
    /// Who acts.
    pub principal: Principal,
    /// Their record.
    pub user: User,
    /// Their sign-in; none for an API key.
    pub login: Option<Login>,
}

/// Accounts and sign-ins.
pub struct Authn {
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    /// Makes and checks password hashes.
    pub passwords: Passwords,
    /// Seals the secrets of second factors.
    pub otp_key: OtpKey,
    /// The identity provider, where one is configured.
    pub oidc: Option<Oidc>,
    second_factor: Reach,
    password_age_max: Duration,
    password_ages: Reach,
    rule: Rule,
    idle: Duration,
    lifetime: Duration,
    logins_max: usize,
    strangers: Mutex<Strangers>,
    attempts: Mutex<Throttle>,
    refusals: Mutex<Throttle>,
}

impl Authn {
    /// Over this store and ledger. Hashes one password, so it takes some tens of milliseconds.
    pub fn new(
        store: Store,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        otp_key: OtpKey,
        outbound: Outbound,
        config: &Config,
    ) -> Result<Self, AuthnStartError> {
        let provider =
            config.oidc.clone().map(|settings| Oidc::new(settings, Arc::clone(&clock), outbound)).transpose()?;
        Ok(Self {
            store,
            ledger,
            clock,
            passwords: Passwords::new(config)?,
            otp_key,
            oidc: provider,
            second_factor: config.second_factor,
            password_age_max: config.password_age_max,
            password_ages: config.password_ages,
            rule: Rule::new(config),
            idle: config.login_idle,
            lifetime: config.login_lifetime,
            logins_max: config.logins_per_user_max.max(1),
            strangers: Mutex::default(),
            attempts: Mutex::new(Throttle::new(config.address_burst, config.address_earns_every)),
            refusals: Mutex::new(Throttle::new(config.refusal_burst, config.address_earns_every)),
        })
    }

    /// Takes one of the address's attempts to sign in, or `RATE_LIMITED` with how long to wait.
    pub fn take_attempt(&self, address: IpAddr) -> Result<(), ApiError> {
        let taken = self.attempts.lock().take(address, self.clock.monotonic());
        taken.map_err(|wait| ApiError::new(Code::RateLimited).retry_after(wait))
    }

    /// True while a refusal of someone who is not signed in at this address goes on the ledger by itself.
    pub fn take_refusal(&self, address: IpAddr) -> bool {
        self.refusals.lock().take(address, self.clock.monotonic()).is_ok()
    }

    /// The principal behind a bearer token shown from `terminal`. A user who must change their password or enrol a second
    /// factor is refused.
    pub async fn authenticate(&self, token: &str, terminal: IpAddr) -> Result<Principal, ApiError> {
        if api_key::is_one(token) {
            return Ok(self.key_holder(token, terminal).await?.0);
        }
        let (principal, user, login) = self.bearer(token, terminal).await?;
        if self.must_change_password(&user, login.way, self.clock.wall()) {
            return Err(Code::PasswordExpired.into());
        }
        if self.must_enrol(&user, login.way) { Err(must_enrol()) } else { Ok(principal) }
    }

    /// As [`Self::authenticate`], also for a user who must change their password or enrol a second factor first.
    pub async fn authenticate_any(&self, token: &str, terminal: IpAddr) -> Result<Known, ApiError> {
        if api_key::is_one(token) {
            let (principal, user) = self.key_holder(token, terminal).await?;
            return Ok(Known { principal, user, login: None });
        }
        let (principal, user, login) = self.bearer(token, terminal).await?;
        Ok(Known { principal, user, login: Some(login) })
    }

    async fn bearer(&self, token: &str, terminal: IpAddr) -> Result<(Principal, User, Login), ApiError> {
        let now = self.clock.wall();
        let login = login::load(&self.store, token)?.ok_or(Code::AuthRequired)?;
        let user = user::load(&self.store, &login.value.user)?.ok_or(Code::AuthRequired)?.value;
        self.check_login(&login.value, &user, terminal, now)?;
        check_user(&user)?;
        let unit = self.registered_unit(&user)?;
        self.touch(token, &login, now).await;
        let login = login.value;
        Ok((Principal::new(user.id.clone(), unit, user.roles.clone(), terminal, login.id.clone()), user, login))
    }

    fn registered_unit(&self, user: &User) -> Result<UnitId, ApiError> {
        let unit = unit::load(&self.store, &user.unit)?.filter(|unit| unit.value.is_registered());
        Ok(unit.ok_or(Code::UnitNotRegistered)?.value.id)
    }

    /// True where the password has to be changed before anything else: it is somebody else's choice, or too old. Whoever
    /// came through the identity provider used none.
    pub fn must_change_password(&self, user: &User, way: Way, now: Wall) -> bool {
        let aged = self.password_ages.covers(user) && now.since(user.password_since()) >= self.password_age_max;
        way == Way::Password && (user.must_change_password || aged)
    }

    /// True where a second factor has to be enrolled before anything else.
    pub fn must_enrol(&self, user: &User, way: Way) -> bool {
        let proven = user.means.second_factor.is_some() || way == Way::ProviderWithSecondFactor;
        self.second_factor.covers(user) && !proven
    }

    fn check_login(&self, login: &Login, user: &User, terminal: IpAddr, now: Wall) -> Result<(), ApiError> {
        if login.terminal != terminal {
            return Err(Code::TerminalMismatch.into());
        }
        if now >= login.expires_at || login.epoch != user.sign_in_epoch {
            return Err(Code::AuthRequired.into());
        }
        if now.since(login.seen_at) > self.idle {
            return Err(Code::SessionIdle.into());
        }
        Ok(())
    }

    /// Notes the use. That it may fail or be lost costs the user an earlier idle time-out, nothing else.
    async fn touch(&self, token: &str, login: &Versioned<Login>, now: Wall) {
        if now.since(login.value.seen_at) < TOUCH_EVERY {
            return;
        }
        let key = login::key(token);
        let seen = Login { seen_at: now, ..login.value.clone() };
        let batch = Batch::new().expect_version(key.as_str(), login.version).put_json(key.as_str(), &seen);
        let Ok(batch) = batch else { return };
        if let Err(error) = self.store.commit_async(batch).await {
            tracing::debug!(%error, "the use of a sign-in was not noted");
        }
    }

    /// Ends one sign-in. An API key has none.
    pub async fn sign_out(&self, token: &str, principal: &Principal) -> Result<(), ApiError> {
        principal.require_sign_in()?;
        let event = Event::new(Kind::LOGOUT, self.clock.wall())
            .actor(principal.actor())
            .terminal(principal.terminal().to_string())
            .with("login", principal.login().as_str());
        record(&self.ledger, &event).await?;
        let index = login::of_user_key(principal.user(), principal.login());
        self.store.commit_async(Batch::new().delete(login::key(token)).delete(index)).await?;
        Ok(())
    }

    /// Takes sign-ins that are over out of the store; returns how many. For a slow timer. Blocks.
    pub fn sweep(&self) -> Result<usize, ApiError> {
        let now = self.clock.wall();
        let (mut ended, mut after) = (self.sweep_visits()?, None::<String>);
        loop {
            let rows = self.store.range_json::<Login>(login::LOGINS, after.as_deref(), SWEEP_ROWS)?;
            let Some((last, _)) = rows.last() else { return Ok(ended) };
            after = Some(last.clone());
            let over = |login: &Login| now >= login.expires_at || now.since(login.seen_at) > self.idle;
            let mut batch = Batch::new();
            for (key, row) in rows.into_iter().filter(|(_, row)| over(&row.value)) {
                batch = batch.delete(key).delete(login::of_user_key(&row.value.user, &row.value.id));
                ended += 1;
            }
            if !batch.is_empty() {
                self.store.commit(batch)?;
            }
        }
    }

    /// A user and their row's version, or `NOT_FOUND`.
    pub fn user(&self, id: &UserId) -> Result<Versioned<User>, ApiError> {
        user::load(&self.store, id)?.ok_or_else(|| Code::NotFound.into())
    }
}

/// Sign-ins looked at in one step of a sweep.
const SWEEP_ROWS: usize = 500;

fn must_enrol() -> ApiError {
    ApiError::new(Code::MfaRequired).remedied(
        "请先登记第二因素:POST /api/v1/me/otp,再以 POST /api/v1/me/otp/confirm 确认。",
        "Enrol a second factor first: POST /api/v1/me/otp, then POST /api/v1/me/otp/confirm.",
    )
}

fn check_user(user: &User) -> Result<(), ApiError> {
    match user.state {
        UserState::Approved => Ok(()),
        UserState::Disabled => Err(Code::AccountDisabled.into()),
        UserState::Pending => Err(Code::UserNotApproved.into()),
    }
}
