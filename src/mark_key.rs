//! The keys of the marks, of the exports and of the second factors: made at the first start, kept beside the registers, readable
//! by their owner alone. Without the first no mark that the appliance made can be proven to be its own, without the second no
//! package; without the third everybody enrols their second factor anew.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use control_api::authn::otp::OtpKey;
use control_api::exports::ExportKey;
use media::mark::{KEY_BYTES, MarkKey};

/// Its name in the folder of the state.
fn path_in(state: &Path) -> PathBuf {
    state.join("mark.key")
}

/// The key in this folder; a new one where there is none.
pub(crate) fn load_or_make(state: &Path) -> anyhow::Result<MarkKey> {
    secret_or_new(&path_in(state)).map(|secret| MarkKey::new(&secret))
}

/// The key that signs exports, kept beside it in the same way.
pub(crate) fn export_key(state: &Path) -> anyhow::Result<ExportKey> {
    secret_or_new(&state.join("export.key")).map(|secret| ExportKey::new(&secret))
}

/// The key that seals the secrets of second factors, kept beside it in the same way.
pub(crate) fn otp_key(state: &Path) -> anyhow::Result<OtpKey> {
    secret_or_new(&state.join("otp.key")).map(|secret| OtpKey::new(&secret))
}

/// The secret in this file; a new one where there is none.
fn secret_or_new(path: &Path) -> anyhow::Result<[u8; KEY_BYTES]> {
    if let Some(secret) = secret(path)? {
        return Ok(secret);
    }
    let mut secret = [0; KEY_BYTES];
    getrandom::fill(&mut secret).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    // Whole or not at all: a key that was cut short would be another key at the next start.
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .with_context(|| format!("cannot make {}", new.display()))?;
    file.write_all(&secret)?;
    file.sync_all()?;
    fs::rename(&new, path).with_context(|| format!("cannot make {}", path.display()))?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    tracing::info!(path = %path.display(), "a new key");
    Ok(secret)
}

/// The key in this folder, where there is one.
pub(crate) fn load(state: &Path) -> anyhow::Result<Option<MarkKey>> {
    Ok(secret(&path_in(state))?.map(|secret| MarkKey::new(&secret)))
}

fn secret(path: &Path) -> anyhow::Result<Option<[u8; KEY_BYTES]>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let Ok(secret) = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) else {
        bail!(
            "{} holds {} bytes and not the {KEY_BYTES} of a key; put it back from a backup, or move it away to get a new one",
            path.display(),
            bytes.len()
        );
    };
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::mark::SessionMark;
    use media::wall::Wall;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let (session, at) = (SessionMark([1; 16]), Wall::from_micros(1_000));
        let first = load_or_make(folder.path()).unwrap().write(session, at);
        assert_eq!(load_or_make(folder.path()).unwrap().write(session, at), first);
        assert_eq!(fs::metadata(path_in(folder.path())).unwrap().permissions().mode() & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(load_or_make(other.path()).unwrap().write(session, at), first);
        assert!(load(tempfile::tempdir().unwrap().path()).unwrap().is_none());
    }

    #[test]
    fn a_key_that_was_cut_short_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path_in(folder.path()), b"short").unwrap();
        let refused = load_or_make(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("holds 5 bytes"), "{refused}");
        assert_eq!(fs::read(path_in(folder.path())).unwrap(), b"short");
    }
}
