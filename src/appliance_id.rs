//! Which appliance this is: a random number made at the first start and kept beside the registers. Volumes carry it, so that a
//! disk of another appliance is recognised.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// 128 bits.
const BYTES: usize = 16;

/// Its name in the folder of the state.
fn path_in(state: &Path) -> PathBuf {
    state.join("appliance.id")
}

/// The number in this folder, in hexadecimal; none where there is none.
pub(crate) fn load(state: &Path) -> anyhow::Result<Option<String>> {
    let path = path_in(state);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let id = text.trim();
    if id.len() != 2 * BYTES || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!("{} holds no appliance's number; put it back from a backup", path.display());
    }
    Ok(Some(id.to_owned()))
}

/// The number in this folder; a new one where there is none.
pub(crate) fn load_or_make(state: &Path) -> anyhow::Result<String> {
    if let Some(id) = load(state)? {
        return Ok(id);
    }
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = path_in(state);
    let new = path.with_extension("new");
    let mut file = File::create(&new).with_context(|| format!("cannot make {}", new.display()))?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    fs::rename(&new, &path).with_context(|| format!("cannot make {}", path.display()))?;
    File::open(state)?.sync_all()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_made_once_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let id = super::load_or_make(folder.path()).unwrap();
        assert_eq!(super::load_or_make(folder.path()).unwrap(), id);
        std::fs::write(folder.path().join("appliance.id"), &id[..20]).unwrap();
        assert!(super::load_or_make(folder.path()).unwrap_err().to_string().contains("backup"));
    }
}
