//! What an operator can set. Reading it from a file is the binary's business.

use std::path::PathBuf;
use std::time::Duration;

/// The recorder's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the recordings, one folder a camera below it. Made if it is not there.
    pub root: PathBuf,
    /// Folder of the index (RocksDB). Not below `root`, whose folders are cameras.
    pub index: PathBuf,
    /// Length of a segment file; it ends at the next keyframe after that.
    pub segment_duration: Duration,
    /// Longest media time in a fragment, at most 1 s; a visit ends one in any case.
    pub fragment_duration: Duration,
    /// Recordings older than this are deleted. The law wants at least 30 days.
    pub retention_age: Duration,
    /// Recordings on the volume in bytes; the oldest are deleted above that. None sets no bound.
    pub volume_bytes_max: Option<u64>,
    /// Bytes to leave free on the file system; the oldest recordings are deleted below that.
    pub free_bytes_min: u64,
    /// How often each camera's new frames are fetched, as one fragment, and written.
    pub poll_interval: Duration,
    /// How far apart batches of writes are, each of all cameras that are due. Together with `poll_interval` and the frame or three
    /// that wait for the next visit it is what a power cut may cost.
    pub sync_interval: Duration,
    /// Media that may wait for a slow disk. Past that, cameras lose frames with the reason `disk_slow`.
    pub queue_bytes_max: usize,
}

/// 700 ms until frames are due, 100 until they are fetched with others and written, and three frames of a stream with B-frames
/// had waited before: a power cut costs less than a second. 256 MiB wait for a slow disk: 4 s of 500 cameras of 1 Mbit/s.
/// 2 GiB stay free for the index, the ledger and logs.
impl Default for Config {
    fn default() -> Self {
        Self {
            root: PathBuf::from("recordings"),
            index: PathBuf::from("state/recordings"),
            segment_duration: Duration::from_secs(60),
            fragment_duration: Duration::from_secs(1),
            retention_age: Duration::from_secs(30 * 24 * 3600),
            volume_bytes_max: None,
            free_bytes_min: 2 << 30,
            poll_interval: Duration::from_millis(700),
            sync_interval: Duration::from_millis(100),
            queue_bytes_max: 256 << 20,
        }
    }
}
