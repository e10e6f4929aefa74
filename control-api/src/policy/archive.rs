//! Every set of policies that was ever in force, whole, as one file by the hash of its content, so that a decision of any day can
//! be replayed under the rules of its day (J-29). Deliberately absent: deleting.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::text::Texts;

/// Largest archived set: the shipped texts are some 30 KiB, and a site's own are bounded when they are read.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Keeps the texts; gives the hash they are kept by. On disk when it returns. Blocks.
pub fn keep(folder: &Path, texts: &Texts) -> io::Result<String> {
    let bytes = serde_json::to_vec_pretty(texts)?;
    let hash = hex::encode(Sha256::digest(&bytes));
    let path = path(folder, &hash);
    if path.exists() {
        return Ok(hash);
    }
    fs::create_dir_all(folder)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(hash)
}

/// The texts of this version, where the folder has them. A file whose content is not what its name says is named and refused.
/// Blocks.
pub fn find(folder: &Path, version: &str) -> io::Result<Option<Texts>> {
    let items = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        items => items?,
    };
    for item in items {
        let path = item?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let texts = read(&path)?;
            if texts.version() == version {
                return Ok(Some(texts));
            }
        }
    }
    Ok(None)
}

fn path(folder: &Path, hash: &str) -> PathBuf {
    folder.join(format!("{hash}.json"))
}

fn read(path: &Path) -> io::Result<Texts> {
    let bad = |why: String| io::Error::new(ErrorKind::InvalidData, format!("{}: {why}", path.display()));
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(bad("it is too large for a set of policies".into()));
    }
    let bytes = fs::read(path)?;
    if path.file_stem().is_none_or(|name| name != hex::encode(Sha256::digest(&bytes)).as_str()) {
        return Err(bad("its content is not what its name says; put it back from a backup".into()));
    }
    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_kept_once_found_by_version_and_a_changed_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let texts = Texts::shipped();
        let hash = keep(folder.path(), &texts).unwrap();
        assert_eq!(keep(folder.path(), &texts).unwrap(), hash);
        assert_eq!(find(folder.path(), &texts.version()).unwrap().unwrap(), texts);
        assert!(find(folder.path(), "2020-1").unwrap().is_none());
        assert!(find(&folder.path().join("none"), "2020-1").unwrap().is_none());
        let file = path(folder.path(), &hash);
        let changed = fs::read_to_string(&file).unwrap().replace("NO_GRANT", "NO_RIGHT");
        fs::write(&file, changed).unwrap();
        let refused = find(folder.path(), &texts.version()).unwrap_err().to_string();
        assert!(refused.contains(&hash) && refused.contains("backup"), "{refused}");
    }
}
