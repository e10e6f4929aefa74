//! API keys of services: another platform or an analyser shows one in place of a sign-in. The key itself is kept only as its
//! hash; its row stays after it was revoked, for whoever asks later what it was.

use std::net::IpAddr;

use ipnet::IpNet;
use media::wall::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{LoginId, UserId};
use crate::store::{Batch, CommitError, Store, StoreError, Versioned};

/// How every key begins, so that one that was left lying about is recognised.
pub const PREFIX: &str = "slk_";
/// All keys, by user and id.
pub const API_KEYS: &str = "api-key/";

/// One key, without what is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Names it in records, where a sign-in's id would stand.
    pub id: LoginId,
    /// The service.
    pub user: UserId,
    /// What it is for.
    pub name: String,
    /// SHA-256 of what is shown, as hex.
    pub hash: String,
    /// It opens nothing from then on.
    pub expires_at: Wall,
    /// The networks it may be shown from; never empty.
    pub addresses: Vec<IpNet>,
    /// The grants it is held to; empty means all of the account's.
    pub grants: Vec<String>,
    /// When it was made.
    pub created_at: Wall,
    /// Who made it.
    pub created_by: UserId,
    /// Since when it opens nothing.
    pub revoked_at: Option<Wall>,
    /// When it was last used, to within a minute.
    pub used_at: Option<Wall>,
}

impl ApiKey {
    /// True while it opens something.
    pub fn is_in_force(&self, now: Wall) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// True where it may be shown from `address`.
    pub fn is_for(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|network| network.contains(&address))
    }
}

/// What is kept of a key.
pub fn hash(shown: &str) -> String {
    hex::encode(Sha256::digest(shown.as_bytes()))
}

/// The keys of one user, in order of time.
pub fn of_user(user: &UserId) -> String {
    format!("{API_KEYS}{user}/")
}

/// A key's row.
pub fn key(user: &UserId, id: &LoginId) -> String {
    format!("{API_KEYS}{user}/{id}")
}

fn hash_key(hash: &str) -> String {
    format!("api-key-hash/{hash}")
}

/// What makes a new key.
pub fn creation(new: &ApiKey) -> Result<Batch, CommitError> {
    let (key, hash_key) = (key(&new.user, &new.id), hash_key(&new.hash));
    let batch = Batch::new().expect_absent(key.as_str()).expect_absent(hash_key.as_str());
    batch.put_json(hash_key, &key)?.put_json(key, new)
}

/// What revokes a key that was read as `row`.
pub fn revocation(row: Versioned<ApiKey>, now: Wall) -> Result<Batch, CommitError> {
    let revoked = ApiKey { revoked_at: Some(now), ..row.value };
    let key = key(&revoked.user, &revoked.id);
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &revoked)?;
    Ok(batch.delete(hash_key(&revoked.hash)))
}

/// One key of a user.
pub fn load(store: &Store, user: &UserId, id: &LoginId) -> Result<Option<Versioned<ApiKey>>, StoreError> {
    store.get_json(&key(user, id))
}

/// The key behind what was shown.
pub fn shown(store: &Store, text: &str) -> Result<Option<Versioned<ApiKey>>, StoreError> {
    match store.get_json::<String>(&hash_key(&hash(text)))? {
        Some(key) => store.get_json(&key.value),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_serves_its_networks_until_it_is_over() {
        let at = |s: i64| Wall::from_micros(s * 1_000_000);
        let key = ApiKey {
            id: "k1".parse().unwrap(),
            user: "svc".parse().unwrap(),
            name: "analyser".into(),
            hash: hash("slk_x"),
            expires_at: at(100),
            addresses: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::7/128".parse().unwrap()],
            grants: Vec::new(),
            created_at: at(0),
            created_by: "sec".parse().unwrap(),
            revoked_at: None,
            used_at: None,
        };
        assert!(key.is_in_force(at(99)) && !key.is_in_force(at(100)));
        assert!(!ApiKey { revoked_at: Some(at(1)), ..key.clone() }.is_in_force(at(2)));
        for (address, fits) in
            [("10.255.0.1", true), ("11.0.0.1", false), ("2001:db8::7", true), ("2001:db8::8", false)]
        {
            assert_eq!(key.is_for(address.parse().unwrap()), fits, "{address}");
        }
    }
}
