//! Passwords: argon2id on a bounded number of threads. A flood of sign-ins queues up to a limit and is then turned away; it
//! cannot take the threads or the memory that others need.

mod weak;

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::error::{ApiError, Code};
use crate::registers::user::PasswordHash;
use weak::PASSWORD_BYTES_MAX;

/// Makes and checks password hashes.
pub struct Passwords {
    params: Params,
    chars_min: usize,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    nobody: PasswordHash,
}

/// The settings of the password hash are outside what argon2 can do.
#[derive(Debug, thiserror::Error)]
#[error("password hash of {memory_kib} KiB and {passes} passes: {reason}")]
pub struct BadCost {
    memory_kib: u32,
    passes: u32,
    reason: String,
}

impl Passwords {
    /// With the costs and bounds of `config`. Hashes one password, so it takes some tens of milliseconds.
    pub fn new(config: &Config) -> Result<Self, BadCost> {
        let (memory_kib, passes) = (config.password_memory_kib, config.password_passes);
        let bad = |reason: String| BadCost { memory_kib, passes, reason };
        let params = Params::new(memory_kib, passes, 1, None).map_err(|e| bad(e.to_string()))?;
        let nobody = hash(params.clone(), b"nobody's").map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            params,
            chars_min: config.password_chars_min,
            running: Arc::new(Semaphore::new(config.password_hashes_at_once.max(1))),
            waiting: Arc::new(Semaphore::new(config.password_hashes_waiting.max(1))),
            nobody,
        })
    }

    /// True when `password` is the one behind `hash`. Without a hash (no such user) it takes as long and is false.
    pub async fn matches(&self, password: String, hash: Option<PasswordHash>) -> Result<bool, ApiError> {
        let known = hash.is_some();
        let against = hash.unwrap_or_else(|| self.nobody.clone());
        let matched = self.run(move |params| Ok(verify(params, password.as_bytes(), &against))).await?;
        Ok(matched && known)
    }

    /// The hash of a password that was already checked by [`Self::acceptable`].
    pub async fn hash(&self, password: String) -> Result<PasswordHash, ApiError> {
        self.run(move |params| hash(params, password.as_bytes()).map_err(|_| Code::Internal.into())).await
    }

    /// The hash, computed on the caller's thread. For the start-up of the appliance.
    pub fn hash_now(&self, password: &str) -> Result<PasswordHash, ApiError> {
        hash(self.params.clone(), password.as_bytes()).map_err(|_| Code::Internal.into())
    }

    /// Refuses a weak password, naming `field`.
    pub fn acceptable(&self, field: &str, password: &str, login: &str) -> Result<(), ApiError> {
        weak::check(field, password, login, self.chars_min)
    }

    /// Refuses a password that the account has or had lately, naming `field`. Takes one hash for each of `known`.
    pub async fn not_used_lately(&self, field: &str, password: &str, known: Vec<PasswordHash>) -> Result<(), ApiError> {
        let typed = password.to_owned();
        let used =
            self.run(move |params| Ok(known.iter().any(|hash| verify(params.clone(), typed.as_bytes(), hash)))).await?;
        if !used {
            return Ok(());
        }
        Err(ApiError::field(
            field,
            "不得与最近五次使用的口令相同。",
            "It must differ from the last five passwords of the account.",
        ))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Params) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| ApiError::new(Code::RateLimited))?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| ApiError::new(Code::Internal))?;
        let params = self.params.clone();
        // The permits go with the work: a client that hangs up does not free a thread that still computes.
        let done = tokio::task::spawn_blocking(move || {
            let result = work(params);
            drop((place, turn));
            result
        });
        done.await.map_err(|_| ApiError::new(Code::Internal))?
    }
}

fn argon(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(params: Params, password: &[u8]) -> Result<PasswordHash, argon2::password_hash::Error> {
    Ok(PasswordHash(argon(params).hash_password(password)?.to_string()))
}

fn verify(params: Params, password: &[u8], against: &PasswordHash) -> bool {
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    Phc::new(&against.0).is_ok_and(|phc| argon(params).verify_password(password, &phc).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Config {
        Config { password_memory_kib: 64, password_passes: 1, ..Config::default() }
    }

    #[tokio::test]
    async fn the_right_password_matches_and_nobody_has_none() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let hash = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert!(passwords.matches("correct horse battery".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.matches("correct horse batterz".into(), Some(hash)).await.unwrap());
        assert!(!passwords.matches("nobody's".into(), None).await.unwrap(), "the stand-in hash opens nothing");
    }

    #[tokio::test]
    async fn a_flood_is_turned_away_once_the_queue_is_full() {
        let config = Config { password_hashes_at_once: 1, password_hashes_waiting: 2, ..cheap() };
        let passwords = Passwords::new(&config).unwrap();
        let turn = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let mut first = Box::pin(passwords.matches("a".into(), None));
        let mut second = Box::pin(passwords.matches("b".into(), None));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        let third = passwords.matches("c".into(), None).await;
        assert_eq!(third.unwrap_err().code(), Code::RateLimited);
        drop(turn);
        assert!(!first.await.unwrap() && !second.await.unwrap());
        assert!(passwords.matches("d".into(), None).await.is_ok(), "the queue is free again");
    }

    #[test]
    fn weak_passwords_are_refused_by_name() {
        let passwords = Passwords::new(&cheap()).unwrap();
        for bad in ["short", "aaaaaaaaaaaaaaaa", "my-wang.wei-password", &"x1".repeat(129)] {
            assert_eq!(passwords.acceptable("password", bad, "wang.wei").unwrap_err().code(), Code::InvalidField);
        }
        assert!(passwords.acceptable("password", "correct horse battery", "wang.wei").is_ok());
    }
}
