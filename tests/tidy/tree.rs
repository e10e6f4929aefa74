//! The project's text files, read once. Looks at no file that git would not keep.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours.
const SKIPPED: [&str; 7] = [".git", "target", "data", "node_modules", "corpus", "dist", "shots"];
/// Ends of names of the files that are read.
const KINDS: [&str; 9] = ["rs", "md", "toml", "sh", "yml", "json", "service", "txt", "py"];

/// A text file and its path from the project's root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All of them, by path.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// The project this test was built from.
    pub(crate) fn read() -> Self {
        let root = std::env::var("CARGO_MANIFEST_DIR").map_or_else(|_| PathBuf::from("."), PathBuf::from);
        let mut files = Vec::new();
        walk(&root, &root, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(files.iter().any(|f| f.path == "tests/tidy.rs"), "{} is not the project's root", root.display());
        Self { files }
    }

    /// A tree of texts, for the canaries.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| File { path: (*path).into(), text: (*text).into() }).collect() }
    }

    /// The text of one file; empty where there is none, which the caller's check then finds.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.files.iter().find(|f| f.path == path).map_or("", |f| &f.text)
    }

    /// Files whose name ends so.
    pub(crate) fn ending<'t>(&'t self, end: &'t str) -> impl Iterator<Item = &'t File> {
        self.files.iter().filter(move |f| f.path.ends_with(end))
    }

    /// Whether there is a file or a folder of that path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|f| f.path == path || f.path.starts_with(&folder))
    }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for path in entries.map(|entry| entry.expect("a folder being read stays readable").path()) {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(root, &path, files);
            }
        } else if KINDS.iter().any(|kind| name.ends_with(&format!(".{kind}")))
            || ["Makefile", "LICENSE", "run"].contains(&name.as_str())
        {
            let shown = path.strip_prefix(root).expect("the walk began at the root").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{shown}: {e}"));
            files.push(File { path: shown, text });
        }
    }
}
