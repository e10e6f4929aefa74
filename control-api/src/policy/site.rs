//! A site's own policies as they lie in a folder: every `*.cedar` in it, within bounds. Anything else there is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::text::PolicyFault;

/// Files of one site. Each decision asks all of their policies.
const FILES_MAX: usize = 64;
/// Largest file: some hundred policies.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The files by name. Blocks.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, String>, Vec<PolicyFault>> {
    let fault = |file: &str, reason: String| vec![PolicyFault { file: file.to_owned(), line: 0, reason }];
    let shown = folder.display().to_string();
    let cannot = |error: std::io::Error| fault(&shown, format!("cannot be read: {error}"));
    let mut files = BTreeMap::new();
    for item in fs::read_dir(folder).map_err(cannot)? {
        let path = item.map_err(cannot)?.path();
        if path.extension().is_none_or(|extension| extension != "cedar") {
            continue;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if files.len() == FILES_MAX {
            return Err(fault(&name, format!("is one file too many; {FILES_MAX} at most")));
        }
        let bytes = fs::metadata(&path).map_err(|error| fault(&name, format!("cannot be read: {error}")))?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(fault(&name, format!("holds {bytes} bytes; {FILE_BYTES_MAX} at most")));
        }
        let text = fs::read_to_string(&path).map_err(|error| fault(&name, format!("cannot be read: {error}")))?;
        files.insert(name, text);
    }
    Ok(files)
}
