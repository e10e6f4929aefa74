//! Cameras that left the catalogue while their recordings are still kept: what was promised for a recording outlives the
//! camera's entry. A camera that is enrolled again takes this up, so that removing it shortens nothing.

use media::id::CameraId;
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::camera::Camera;
use crate::store::{Batch, CommitError, Store, StoreError, Versioned};

/// A camera that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its record as it was at the end.
    pub camera: Camera,
    /// When it was removed.
    pub at: Wall,
}

/// All of them.
pub const RETIRED: &str = "camera-retired/";

/// A retired camera's key.
pub fn key(id: &CameraId) -> String {
    format!("{RETIRED}{id}")
}

/// Adds to the batch that removes `camera` that its recordings stay.
pub fn put(batch: Batch, camera: &Camera, at: Wall) -> Result<Batch, CommitError> {
    batch.put_json(key(&camera.id), &Retired { camera: camera.clone(), at })
}

/// One retired camera.
pub fn load(store: &Store, id: &CameraId) -> Result<Option<Versioned<Retired>>, StoreError> {
    store.get_json(&key(id))
}

/// The camera with the classes that it had in an earlier life. That life's row stays, and counts no more while the camera is in
/// the catalogue.
pub fn taken_up(store: &Store, mut camera: Camera) -> Result<Camera, StoreError> {
    if let Some(row) = load(store, &camera.id)? {
        let Retired { camera: before, at } = row.value;
        camera.former_classes = before.former_classes;
        camera.former_classes.insert(before.retention_class, at);
        camera.former_classes.remove(&camera.retention_class);
    }
    Ok(camera)
}
