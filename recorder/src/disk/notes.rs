//! Texts beside the recordings: small files in a folder of the volume that are only ever added to, and go as a whole.

use std::io;
use std::sync::Arc;

use super::{File, How, Volume, read_at};

/// Camera ids begin with a letter or digit, so none has this name.
const FOLDER: &str = "_gaps";

impl Volume {
    /// Adds a text to a note. It is durable after [`File::sync`].
    pub(crate) fn add_to_note(&self, name: &str, text: &str) -> io::Result<File> {
        self.is_here()?;
        let folder = self.root().join(FOLDER);
        let path = folder.join(name);
        let fresh = self.disk.status(&path).is_err();
        self.disk.make_folders(&folder)?;
        let file = self.disk.open(&path, How::Append)?;
        self.disk.append(&file, text.as_bytes())?;
        if fresh {
            self.disk.sync_folder(&folder)?;
            self.disk.sync_folder(self.root())?;
        }
        Ok(File { file, disk: Arc::clone(&self.disk) })
    }

    /// Names of all notes, sorted.
    pub(crate) fn notes(&self) -> io::Result<Vec<String>> {
        let entries = match self.disk.list(&self.root().join(FOLDER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        names.sort();
        Ok(names)
    }

    /// What a note says.
    pub(crate) fn note(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(&self.root().join(FOLDER).join(name), How::Read)?;
        let file = File { file, disk: Arc::clone(&self.disk) };
        let bytes = usize::try_from(file.bytes()?).map_err(io::Error::other)?;
        Ok(read_at(&file, 0, bytes)?.into())
    }

    /// Takes a note away.
    pub(crate) fn remove_note(&self, name: &str) -> io::Result<()> {
        self.is_here()?;
        self.disk.remove(&self.root().join(FOLDER).join(name))
    }
}
