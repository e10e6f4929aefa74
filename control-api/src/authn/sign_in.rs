//! From a name and a password to a bearer token. An attempt is counted before the password is looked at, so that parallel
//! guesses gain nothing; a name that nobody has is answered in the same words and the same time.

use std::net::IpAddr;

use media::wall::Wall;

use super::login::{self, Login, Way};
use super::{Authn, check_user, otp};
use crate::audit::record;
use crate::error::{ApiError, Code};
use crate::ledger::{Actor, Decision, Event, Kind};
use crate::mint;
use crate::registers::user::{self, LoginName, User};
use crate::registers::{LoginId, UserId};
use crate::store::{Batch, CommitError, Versioned};

/// Tries of a change to a user's row that other sign-ins of the same account race for.
const TRIES_MAX: usize = 16;

/// Where the last attempt on an unknown name is noted.
const STRANGER_KEY: &str = "authn/last-stranger";

/// A new sign-in.
pub struct SignedIn {
    /// The bearer token; kept nowhere.
    pub token: String,
    /// When it is over in any case.
    pub expires_at: Wall,
    /// True where the password has to be changed before anything else.
    pub must_change_password: bool,
    /// True where a second factor has to be enrolled before anything else.
    pub must_enrol_second_factor: bool,
}

/// What was typed to sign in. Prints as nothing.
pub struct Typed {
    /// Login name.
    pub name: String,
    /// Password.
    pub password: String,
    /// Code of the second factor, or a recovery code.
    pub otp: Option<String>,
}

impl Authn {
    /// Signs somebody in from `terminal`. Wrong name and wrong password are both `AUTH_REQUIRED`; only after the right password
    /// a missing or wrong code is told as such. On the ledger either way.
    pub async fn sign_in(&self, typed: Typed, terminal: IpAddr, request_id: &str) -> Result<SignedIn, ApiError> {
        let Typed { name, password, otp } = typed;
        let known = match name.parse::<LoginName>() {
            Ok(login) => user::by_login(&self.store, &login)?,
            Err(_) => None,
        };
        let user_id = known.as_ref().map(|row| row.value.id.clone());
        let outcome = match known {
            Some(row) => self.sign_in_known(&row.value.id, password, otp.as_deref(), terminal).await,
            None => self.sign_in_stranger(&name, password).await,
        };
        match outcome {
            Ok(signed_in) => Ok(signed_in),
            Err(denied) => Err(self.refused(denied, user_id.as_ref(), terminal, request_id).await?),
        }
    }

    /// Puts the refusal of a sign-in on the ledger.
    pub(super) async fn refused(
        &self,
        denied: ApiError,
        user_id: Option<&UserId>,
        terminal: IpAddr,
        request_id: &str,
    ) -> Result<ApiError, ApiError> {
        if denied.owes_record() {
            let event = refusal(self.clock.wall(), user_id, &denied);
            record(&self.ledger, &event.terminal(terminal.to_string()).request_id(request_id)).await?;
        }
        Ok(denied.recorded())
    }

    async fn sign_in_stranger(&self, name: &str, password: String) -> Result<SignedIn, ApiError> {
        let now = self.clock.wall();
        let name = name.chars().take(user::LOGIN_NAME_BYTES_MAX).collect::<String>().to_lowercase();
        if let Some(until) = self.strangers.lock().locked(&name, now) {
            return Err(locked(until, now));
        }
        self.strangers.lock().failed(&name, now, &self.rule);
        // A known user's attempt costs one commit before the hash; so does this one, or the time would tell them apart.
        self.store.commit_async(Batch::new().put_json(STRANGER_KEY, &now)?).await?;
        self.passwords.matches(password, None).await?;
        Err(Code::AuthRequired.into())
    }

    async fn sign_in_known(
        &self,
        id: &UserId,
        password: String,
        otp: Option<&str>,
        terminal: IpAddr,
    ) -> Result<SignedIn, ApiError> {
        let now = self.clock.wall();
        let counted = self.count_attempt(id, now).await?;
        if !self.passwords.matches(password, Some(counted.password.clone())).await? {
            return Err(Code::AuthRequired.into());
        }
        check_user(&counted)?;
        let user = self.prove(&counted, otp, now).await?;
        self.open(&user, Way::Password, terminal, now).await
    }

    /// Takes the code of the second factor where the user has one, and forgets the failures. A code that is missing or wrong
    /// leaves the attempt counted. What ended their sign-ins since the attempt began (another password) ends it too.
    async fn prove(&self, counted: &User, otp: Option<&str>, now: Wall) -> Result<User, ApiError> {
        let id = &counted.id;
        self.change_user(id, |user| {
            if user.sign_in_epoch != counted.sign_in_epoch {
                return Err(Code::AuthRequired.into());
            }
            if let Some(factor) = user.means.second_factor.as_mut() {
                let typed = otp.ok_or(Code::MfaRequired)?;
                if !otp::take(&self.otp_key, id, factor, typed, now) {
                    return Err(Code::MfaRequired.into());
                }
            }
            forgive(user);
            Ok(())
        })
        .await
    }

    /// Asks somebody who is signed in for their second factor once more. Counts like an attempt to sign in.
    pub async fn prove_again(&self, id: &UserId, otp: Option<&str>) -> Result<User, ApiError> {
        let now = self.clock.wall();
        let counted = self.count_attempt(id, now).await?;
        self.prove(&counted, otp, now).await
    }

    /// True when `password` is the user's. Counts like an attempt to sign in, so that a stolen token cannot guess for ever.
    pub async fn confirm(&self, id: &UserId, password: String) -> Result<bool, ApiError> {
        let counted = self.count_attempt(id, self.clock.wall()).await?;
        if !self.passwords.matches(password, Some(counted.password)).await? {
            return Ok(false);
        }
        self.change_user(id, |user| {
            forgive(user);
            Ok(())
        })
        .await?;
        Ok(true)
    }

    /// Counts an attempt as if it had failed, or refuses while locked. Gives the user as they then are.
    async fn count_attempt(&self, id: &UserId, now: Wall) -> Result<User, ApiError> {
        self.change_user(id, |user| {
            if user.is_locked(now) {
                return Err(locked(user.locked_until.unwrap_or(now), now));
            }
            user.failed_count = user.failed_count.saturating_add(1);
            user.locked_until = self.rule.locked_until(user.failed_count, now);
            Ok(())
        })
        .await
    }

    /// All that is asked for was given: on the ledger first, then the sign-in comes to be. Outside a registered unit there is no
    /// way in (J-2).
    pub(super) async fn open(&self, user: &User, way: Way, terminal: IpAddr, now: Wall) -> Result<SignedIn, ApiError> {
        self.registered_unit(user)?;
        let token = mint::Token::fresh().map_err(no_entropy)?.text;
        let id: LoginId =
            mint::sortable_id(now).map_err(no_entropy)?.parse().map_err(|_| ApiError::new(Code::Internal))?;
        let actor = Actor { user: user.id.to_string(), unit: Some(user.unit.to_string()), role: None };
        let event = Event::new(Kind::LOGIN, now).actor(actor).terminal(terminal.to_string());
        let event =
            event.with("second_factor", user.means.second_factor.is_some() || way == Way::ProviderWithSecondFactor);
        let event = if way == Way::Password { event } else { event.with("by", "oidc") };
        record(&self.ledger, &event.decision(Decision::Allow).with("login", id.as_str())).await?;
        let (expires_at, epoch) = (now + self.lifetime, user.sign_in_epoch);
        let login =
            Login { id, user: user.id.clone(), terminal, epoch, way, created_at: now, expires_at, seen_at: now };
        self.keep(&token, &login).await?;
        Ok(SignedIn {
            token,
            expires_at,
            must_change_password: self.must_change_password(user, way, now),
            must_enrol_second_factor: self.must_enrol(user, way),
        })
    }

    /// Stores the sign-in; the user's oldest ones beyond the limit end.
    async fn keep(&self, token: &str, login: &Login) -> Result<(), ApiError> {
        let key = login::key(token);
        let index = login::of_user_key(&login.user, &login.id);
        let others =
            self.store.range_json::<String>(&login::of_user(&login.user), None, crate::store::RANGE_ROWS_MAX)?;
        let over = (others.len() + 1).saturating_sub(self.logins_max);
        let mut batch = Batch::new().put_json(key.as_str(), login)?.put_json(index, &key)?;
        for (index, row) in others.into_iter().take(over) {
            batch = batch.delete(index).delete(row.value);
        }
        self.store.commit_async(batch).await?;
        Ok(())
    }

    /// Changes a user's row, again from the start when someone else changed it meanwhile. Gives the row as it then is.
    pub async fn change_user(
        &self,
        id: &UserId,
        change: impl Fn(&mut User) -> Result<(), ApiError>,
    ) -> Result<User, ApiError> {
        for _ in 0..TRIES_MAX {
            let Versioned { value: mut user, version } = self.user(id)?;
            change(&mut user)?;
            let key = user::key(id);
            let batch = Batch::new().expect_version(key.as_str(), version).put_json(key, &user)?;
            match self.store.commit_async(batch).await {
                Ok(_) => return Ok(user),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Code::Conflict.into())
    }
}

const fn forgive(user: &mut User) {
    user.failed_count = 0;
    user.locked_until = None;
}

fn locked(until: Wall, now: Wall) -> ApiError {
    ApiError::new(Code::AccountLocked).retry_after(until.since(now))
}

/// Names a known user by id only. What was typed for an unknown one stays out: it may be a password in the wrong field.
fn refusal(at: Wall, user: Option<&UserId>, denied: &ApiError) -> Event {
    let event = Event::new(Kind::LOGIN_REFUSED, at)
        .decision(Decision::Deny)
        .code(denied.code().text())
        .articles(denied.code().articles().iter().copied())
        .with("known", user.is_some());
    match user {
        Some(user) => event.actor(Actor { user: user.to_string(), unit: None, role: None }),
        None => event,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
fn no_entropy(error: mint::NoEntropy) -> ApiError {
    tracing::error!(%error, "no sign-in could be made");
    Code::Internal.into()
}
