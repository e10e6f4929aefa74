//! The recorder's side of exports and snapshots: a stretch taken out into a folder, for a renderer and nobody else.

use std::path::Path;

use recorder::playback::extract::{Extract, ExtractError, Watch};
use recorder::{Playback, Range};

/// Takes stretches out.
pub trait ExtractPort: Send + Sync + 'static {
    /// Takes a range out into a folder. Blocks on the disk.
    fn extract(&self, range: &Range, folder: &Path, watch: &mut Watch<'_>) -> Result<Extract, ExtractError>;
}

impl ExtractPort for Playback {
    fn extract(&self, range: &Range, folder: &Path, watch: &mut Watch<'_>) -> Result<Extract, ExtractError> {
        Self::extract(self, range, folder, watch)
    }
}
