//! What is wrong with a configuration: every fault with its line, its key, and what to do about it. Faults are collected
//! and shown together; nothing here stops at the first one.

use std::fmt;
use std::path::{Path, PathBuf};

/// Exit status of a start that was refused because of its configuration: EX_USAGE of sysexits.h.
pub(crate) const EXIT_CONFIG: u8 = 64;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Line in the file, from 1; none where a default is at fault, or the file as a whole.
    pub(crate) line: Option<usize>,
    /// `section.key`; empty where the fault is not in one key.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.key.is_empty()) {
            (Some(line), _) => write!(f, "line {line}: ")?,
            (None, false) => f.write_str("default: ")?,
            (None, true) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// All faults of one configuration, in the order of their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Faults {
    /// The file they are in.
    pub(crate) file: PathBuf,
    /// At least one.
    pub(crate) list: Vec<Fault>,
}

impl Faults {
    /// The faults of `file`, sorted; none where the list is empty.
    pub(crate) fn of(file: &Path, mut list: Vec<Fault>) -> Option<Self> {
        list.sort_by(|a, b| (a.line.unwrap_or(0), &a.key).cmp(&(b.line.unwrap_or(0), &b.key)));
        (!list.is_empty()).then(|| Self { file: file.to_owned(), list })
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.list.len() == 1 { "" } else { "s" };
        write!(f, "{}: {} fault{plural}, nothing was started", self.file.display(), self.list.len())?;
        for fault in &self.list {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
