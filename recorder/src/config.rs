//! What an operator can set. Reading it from a file is the binary's business.

use std::path::PathBuf;
use std::time::Duration;

use crate::rules::Rule;

/// The recorder's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who records: a volume that says another's name is left alone.
    pub appliance: String,
    /// Folders of the recordings, one for each volume, one folder a camera below it. Made if they are not there.
    pub roots: Vec<PathBuf>,
    /// Folder of the index (RocksDB). Not below a root, whose folders are cameras.
    pub index: PathBuf,
    /// Length of a segment file; it ends at the next keyframe after that.
    pub segment_duration: Duration,
    /// Longest media time in a fragment, at most 1 s; a visit ends one in any case.
    pub fragment_duration: Duration,
    /// How long recordings of a camera are kept for which nobody says it.
    pub rule: Rule,
    /// Recordings on each volume in bytes; what is furthest above its floor is deleted above that. None sets no bound.
    pub volume_bytes_max: Option<u64>,
    /// Bytes to leave free on each file system; what is furthest above its floor is deleted below that.
    pub free_bytes_min: u64,
    /// How often each camera's new frames are fetched, as one fragment, and written.
    pub poll_interval: Duration,
    /// How far apart batches of writes are, each of all cameras that are due. Together with `poll_interval` and the frame or three
    /// that wait for the next visit it is what a power cut may cost.
    pub sync_interval: Duration,
    /// How long a write may take before the cameras of its volume go on at another.
    pub stall_max: Duration,
    /// Media that may wait for a slow disk. Past that, cameras lose frames with the reason `disk_slow`.
    pub queue_bytes_max: usize,
}

/// 700 ms until frames are due, 100 until they are fetched with others and written, and three frames of a stream with B-frames
/// had waited before: a power cut costs less than a second. 1 GiB may wait for a slow disk: 10 s of 200 cameras of 4 Mbit/s; it is taken only then.
/// 2 GiB stay free for the index, the ledger and logs.
impl Default for Config {
    fn default() -> Self {
        Self {
            appliance: String::new(),
            roots: vec![PathBuf::from("recordings")],
            index: PathBuf::from("state/recordings"),
            segment_duration: Duration::from_secs(60),
            fragment_duration: Duration::from_secs(1),
            rule: Rule::default(),
            volume_bytes_max: None,
            free_bytes_min: 2 << 30,
            poll_interval: Duration::from_millis(700),
            sync_interval: Duration::from_millis(100),
            stall_max: Duration::from_secs(12),
            queue_bytes_max: 1 << 30,
        }
    }
}
