//! A visit to the identity provider and back: begun at one terminal, ended once at the same one within minutes, for an account
//! that the security administrator has given that name. An account without our second factor passes where the provider asked
//! for one; else ours is asked for, and that is the visit's second half.

use std::net::IpAddr;
use std::time::Duration;

use media::wall::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::login::Way;
use super::super::{Authn, SignedIn, check_user};
use super::{Oidc, OidcError, Seen};
use crate::error::{ApiError, Code};
use crate::mint::Token;
use crate::registers::UserId;
use crate::registers::user::{self, User};
use crate::store::Batch;

/// All visits under way.
pub const VISITS: &str = "oidc-visit/";
/// How long a visit may take: somebody types a password and finds their authenticator.
pub const VISIT_MAX: Duration = Duration::from_secs(600);
/// Rows looked at in one step of a sweep.
const SWEEP_ROWS: usize = 500;

/// A visit under way, under the hash of what names it.
#[derive(Serialize, Deserialize)]
struct Visit {
    terminal: IpAddr,
    begun_at: Wall,
    at: Place,
}

/// How far it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// At the provider.
    Provider { nonce: String, verifier: String },
    /// Back, and asked for our second factor.
    SecondFactor { user: UserId },
}

/// A visit that was begun.
pub struct Away {
    /// Where its browser goes.
    pub url: String,
    /// Names the visit to whoever comes back.
    pub state: String,
}

/// What a visit came to.
pub enum Ended {
    /// A sign-in.
    SignedIn(SignedIn),
    /// The account's own second factor is still to be given, with this name of the visit.
    SecondFactor(String),
}

fn key(name: &str) -> String {
    format!("{VISITS}{}", hex::encode(Sha256::digest(name.as_bytes())))
}

impl Authn {
    fn provider(&self) -> Result<&Oidc, ApiError> {
        self.oidc.as_ref().ok_or_else(|| {
            ApiError::new(Code::NotFound)
                .remedied("未配置统一身份认证。", "No identity provider is configured; sign in by password.")
        })
    }

    /// Begins a visit from `terminal`.
    pub async fn visit_provider(&self, terminal: IpAddr) -> Result<Away, ApiError> {
        let begun = self.provider()?.begin().await.map_err(|error| told(&error))?;
        let at = Place::Provider { nonce: begun.nonce, verifier: begun.verifier };
        self.keep_visit(&begun.state, Visit { terminal, begun_at: self.clock.wall(), at }).await?;
        Ok(Away { url: begun.url.into(), state: begun.state })
    }

    async fn keep_visit(&self, name: &str, visit: Visit) -> Result<(), ApiError> {
        self.store.commit_async(Batch::new().put_json(key(name), &visit)?).await?;
        Ok(())
    }

    /// Takes a visit that came back to `terminal` with the provider's `code`. On the ledger either way.
    pub async fn back_from_provider(
        &self,
        state: &str,
        code: String,
        terminal: IpAddr,
        request_id: &str,
    ) -> Result<Ended, ApiError> {
        match self.back(state, code, terminal).await {
            Ok(ended) => Ok(ended),
            Err((user, denied)) => Err(self.refused(denied, user.as_ref(), terminal, request_id).await?),
        }
    }

    async fn back(&self, state: &str, code: String, terminal: IpAddr) -> Result<Ended, (Option<UserId>, ApiError)> {
        let unknown = |error: ApiError| (None, error);
        let Place::Provider { nonce, verifier } = self.take_visit(state, terminal).await.map_err(unknown)? else {
            return Err(unknown(lost()));
        };
        let seen = self.provider().map_err(unknown)?.finish(code, nonce, verifier).await;
        let seen = seen.map_err(|error| unknown(told(&error)))?;
        let found = user::by_subject(&self.store, &seen.subject).map_err(|error| unknown(error.into()))?;
        let user = found.ok_or_else(|| unknown(stranger()))?.value;
        let id = user.id.clone();
        self.admit(&user, &seen, terminal).await.map_err(|error| (Some(id), error))
    }

    async fn admit(&self, user: &User, seen: &Seen, terminal: IpAddr) -> Result<Ended, ApiError> {
        let now = self.clock.wall();
        check_user(user)?;
        if user.means.second_factor.is_none() || seen.second_factor {
            let way = if seen.second_factor { Way::ProviderWithSecondFactor } else { Way::Provider };
            return self.open(user, way, terminal, now).await.map(Ended::SignedIn);
        }
        let name = Token::fresh().map_err(|_| ApiError::new(Code::Internal))?.text;
        let at = Place::SecondFactor { user: user.id.clone() };
        self.keep_visit(&name, Visit { terminal, begun_at: now, at }).await?;
        Ok(Ended::SecondFactor(name))
    }

    /// The second half of a visit. A wrong code counts like a wrong password; the visit may be tried again until it is over.
    pub async fn end_visit(
        &self,
        name: &str,
        otp: &str,
        terminal: IpAddr,
        request_id: &str,
    ) -> Result<SignedIn, ApiError> {
        let (visit, _) = self.find_visit(name, terminal)?;
        let Place::SecondFactor { user } = visit.at else { return Err(lost()) };
        let outcome = async {
            let proven = self.prove_again(&user, Some(otp)).await?;
            check_user(&proven)?;
            self.take_visit(name, terminal).await?;
            self.open(&proven, Way::Provider, terminal, self.clock.wall()).await
        };
        match outcome.await {
            Ok(signed_in) => Ok(signed_in),
            Err(denied) => Err(self.refused(denied, Some(&user), terminal, request_id).await?),
        }
    }

    fn find_visit(&self, name: &str, terminal: IpAddr) -> Result<(Visit, crate::store::Revision), ApiError> {
        let row = self.store.get_json::<Visit>(&key(name))?.ok_or_else(lost)?;
        let visit = row.value;
        if visit.terminal != terminal {
            return Err(Code::TerminalMismatch.into());
        }
        if self.clock.wall().since(visit.begun_at) > VISIT_MAX { Err(lost()) } else { Ok((visit, row.version)) }
    }

    /// Takes the visit, so that nobody takes it again.
    async fn take_visit(&self, name: &str, terminal: IpAddr) -> Result<Place, ApiError> {
        let (visit, version) = self.find_visit(name, terminal)?;
        let key = key(name);
        let taken = self.store.commit_async(Batch::new().expect_version(key.as_str(), version).delete(key)).await;
        match taken {
            Ok(_) => Ok(visit.at),
            Err(crate::store::CommitError::Conflict { .. }) => Err(lost()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes visits that are over out of the store; returns how many. For a slow timer. Blocks.
    pub(in crate::authn) fn sweep_visits(&self) -> Result<usize, ApiError> {
        let now = self.clock.wall();
        let (mut ended, mut after) = (0, None::<String>);
        loop {
            let rows = self.store.range_json::<Visit>(VISITS, after.as_deref(), SWEEP_ROWS)?;
            let Some((last, _)) = rows.last() else { return Ok(ended) };
            after = Some(last.clone());
            let over = rows.into_iter().filter(|(_, row)| now.since(row.value.begun_at) > VISIT_MAX);
            let batch = over.fold(Batch::new(), |batch, (key, _)| {
                ended += 1;
                batch.delete(key)
            });
            if !batch.is_empty() {
                self.store.commit(batch)?;
            }
        }
    }
}

fn lost() -> ApiError {
    ApiError::new(Code::AuthRequired).remedied(
        "本次统一身份认证登录已结束或已过期,请重新开始:GET /api/v1/login/oidc。",
        "This visit to the identity provider is over; begin anew with GET /api/v1/login/oidc.",
    )
}

fn stranger() -> ApiError {
    ApiError::new(Code::AuthRequired).remedied(
        "该统一身份未关联本系统账号,请安全管理员在账号中登记 oidc_subject。",
        "No account has this name at the identity provider; the security administrator enters it as oidc_subject.",
    )
}

/// What the provider's failure is to the client. The cause is logged: it is the system administrator's to mend.
fn told(error: &OidcError) -> ApiError {
    tracing::warn!(%error, "a sign-in through the identity provider failed");
    match error {
        OidcError::Unreachable(_) => ApiError::new(Code::Timeout).remedied(
            "统一身份认证服务无应答,请稍后重试或使用口令登录。",
            "The identity provider does not answer; try again later, or sign in by password.",
        ),
        OidcError::Refused(_) => ApiError::new(Code::AuthRequired).remedied(
            "统一身份认证未通过,请重新开始:GET /api/v1/login/oidc。",
            "The identity provider's word does not hold; begin anew with GET /api/v1/login/oidc.",
        ),
        OidcError::Entropy(_) => Code::Internal.into(),
    }
}
