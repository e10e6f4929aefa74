//! Texts beside the recordings: small files in a folder of the volume that are only ever added to, and go as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};

use super::Volume;

/// Camera ids begin with a letter or digit, so none has this name.
const FOLDER: &str = "_gaps";

impl Volume {
    /// Adds a text to a note. It is durable after [`File::sync_data`].
    pub(crate) fn add_to_note(&self, name: &str, text: &str) -> io::Result<File> {
        self.is_here()?;
        let folder = self.root().join(FOLDER);
        let path = folder.join(name);
        let fresh = !path.exists();
        fs::create_dir_all(&folder)?;
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        file.write_all(text.as_bytes())?;
        if fresh {
            File::open(&folder)?.sync_all()?;
            File::open(self.root())?.sync_all()?;
        }
        Ok(file)
    }

    /// Names of all notes, sorted.
    pub(crate) fn notes(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root().join(FOLDER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let mut names: Vec<String> = names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect();
        names.sort();
        Ok(names)
    }

    /// What a note says.
    pub(crate) fn note(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root().join(FOLDER).join(name))
    }

    /// Takes a note away.
    pub(crate) fn remove_note(&self, name: &str) -> io::Result<()> {
        self.is_here()?;
        fs::remove_file(self.root().join(FOLDER).join(name))
    }
}
