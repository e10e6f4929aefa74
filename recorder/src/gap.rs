//! Why a stretch of time has no recording. A reason is one word: it is a metric's label and a row in the timeline.

use std::fmt;
use std::io;

use media::wall::Wall;

/// Longest reason kept; longer ones, and those with other characters than `a-z 0-9 _`, become `other`.
const REASON_BYTES_MAX: usize = 32;

/// A gap's cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapReason {
    /// The appliance ended without stopping; found at the next start.
    Crash,
    /// The appliance was stopped.
    Shutdown,
    /// Recording of the camera was stopped.
    Stopped,
    /// The camera left the register.
    Removed,
    /// The camera is connected, or said nothing about being down, but sends nothing that can be recorded.
    NoFrames,
    /// The disk could not keep up, so frames were dropped before it.
    DiskSlow,
    /// The volume has no room.
    DiskFull,
    /// Writing failed, and no other volume took it.
    VolumeFailed,
    /// It was recorded on a volume that is not there.
    VolumeAway,
    /// The volumes had no room left that the law does not want for what is on them.
    NoRoom,
    /// The recorder came by too late and the hub had let frames go.
    ReaderLag,
    /// No keyframe for so long that the segment had to end.
    NoKeyframe,
    /// The stream has parameters that cannot be written as MP4.
    Unwritable,
    /// A file was damaged after it had been written.
    Damaged,
    /// It was recorded, and deleted by rule.
    Deleted,
    /// Nothing is recorded, and nobody knows why.
    Unknown,
    /// What the camera's supervisor says, as one word.
    Camera(String),
}

impl GapReason {
    /// From the word of the camera's supervisor, or from a stored row.
    pub fn from_word(word: &str) -> Self {
        match word {
            "crash" => Self::Crash,
            "shutdown" => Self::Shutdown,
            "stopped" => Self::Stopped,
            "removed" => Self::Removed,
            "no_frames" => Self::NoFrames,
            "disk_slow" => Self::DiskSlow,
            "disk_full" => Self::DiskFull,
            "volume_failed" => Self::VolumeFailed,
            "volume_away" => Self::VolumeAway,
            "no_room" => Self::NoRoom,
            "reader_lag" => Self::ReaderLag,
            "no_keyframe" => Self::NoKeyframe,
            "unwritable" => Self::Unwritable,
            "damaged" => Self::Damaged,
            "deleted" => Self::Deleted,
            "unknown" => Self::Unknown,
            other => Self::Camera(clean(other)),
        }
    }

    /// Of a write that failed: want of room, want of a name or a handle for a new file, or damage.
    pub(crate) fn of_write(error: &io::Error) -> Self {
        use io::ErrorKind::{AlreadyExists, InvalidInput, QuotaExceeded, StorageFull};
        use rustix::io::Errno;
        // The process, or the system, has no more files to open.
        let handles = [Errno::MFILE, Errno::NFILE];
        match error.kind() {
            StorageFull | QuotaExceeded => Self::DiskFull,
            AlreadyExists | InvalidInput => Self::Unwritable,
            _ if handles.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) => Self::Unwritable,
            _ => Self::VolumeFailed,
        }
    }

    /// It was recorded once and is not there.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, Self::Damaged | Self::VolumeAway | Self::Deleted)
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Crash => "crash",
            Self::Shutdown => "shutdown",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
            Self::NoFrames => "no_frames",
            Self::DiskSlow => "disk_slow",
            Self::DiskFull => "disk_full",
            Self::VolumeFailed => "volume_failed",
            Self::VolumeAway => "volume_away",
            Self::NoRoom => "no_room",
            Self::ReaderLag => "reader_lag",
            Self::NoKeyframe => "no_keyframe",
            Self::Unwritable => "unwritable",
            Self::Damaged => "damaged",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
            Self::Camera(word) => word,
        }
    }
}

fn clean(word: &str) -> String {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let fits = (1..=REASON_BYTES_MAX).contains(&word.len()) && word.bytes().all(allowed);
    if fits { word.to_owned() } else { "other".to_owned() }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stretch without recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where the recording before it ends.
    pub start: Wall,
    /// Where the recording goes on; none while it does not.
    pub end: Option<Wall>,
    /// Why.
    pub reason: GapReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_and_odd_ones_are_bounded() {
        for word in ["crash", "disk_slow", "camera_auth_refused", "no_frames", "deleted", "unknown"] {
            assert_eq!(GapReason::from_word(word).as_str(), word);
        }
        for word in ["", "With Space", &"x".repeat(33), "é", "a\nb"] {
            assert_eq!(GapReason::from_word(word).as_str(), "other");
        }
    }
}
