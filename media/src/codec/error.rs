//! What can be wrong with a track, its parameters and its packets. Each is one camera's fault and ends nothing.

use super::bits::BitsError;

/// Why no depacketiser could be made for a track.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// No such payload format here.
    #[error("payload format {0:?} is not supported; use H.264, H.265, AAC, G.711 or JPEG on the camera")]
    Encoding(String),
    /// The format is known, but not in the form that the SDP describes.
    #[error("{encoding}: {what}")]
    Form {
        /// The payload format.
        encoding: &'static str,
        /// What about it.
        what: String,
    },
}

/// Why a packet, or the unit it belongs to, was dropped. The depacketiser goes on with the next unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepacketizeError {
    /// The payload ends inside a field.
    #[error("packet {sequence}: payload ends inside {what}")]
    Truncated {
        /// RTP sequence number.
        sequence: u16,
        /// The field.
        what: &'static str,
    },
    /// A packet type that the payload format's mode does not allow.
    #[error("packet {sequence}: packet type {kind} is not allowed in this mode")]
    Kind {
        /// RTP sequence number.
        sequence: u16,
        /// The type.
        kind: u8,
    },
    /// Fragments do not follow one another.
    #[error("packet {sequence}: {what}")]
    Fragment {
        /// RTP sequence number.
        sequence: u16,
        /// What is wrong.
        what: &'static str,
    },
    /// A bound was reached; the unit is dropped.
    #[error("packet {sequence}: access unit has more than {max} {what}")]
    TooLarge {
        /// RTP sequence number.
        sequence: u16,
        /// Of what there is too much.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A field has a value outside its range.
    #[error("packet {sequence}: {what}")]
    Field {
        /// RTP sequence number.
        sequence: u16,
        /// Which field and why.
        what: &'static str,
    },
    /// Packets were lost within a unit; the unit is dropped.
    #[error("packet {sequence}: {packets} packets lost within an access unit, which is dropped")]
    Loss {
        /// RTP sequence number of the packet after the loss.
        sequence: u16,
        /// How many are missing.
        packets: u16,
    },
    /// A parameter set in the stream was not understood; the unit is delivered, the parameters stay as they were.
    #[error("packet {sequence}: {source}")]
    Params {
        /// RTP sequence number.
        sequence: u16,
        /// Which set and why.
        source: ParamsError,
    },
}

/// Why parameter sets, or a configuration that stands for them, were not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// A set that every decoder needs is not there.
    #[error("no {0} among the parameter sets")]
    Missing(&'static str),
    /// A set is longer than any encoder makes it.
    #[error("{what} of {bytes} bytes is longer than {max}")]
    TooLarge {
        /// Which set.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A set with a start code inside.
    #[error("{0} has a start code inside")]
    StartCode(&'static str),
    /// A set could not be read.
    #[error("{what}: {source}")]
    Bits {
        /// Which set.
        what: &'static str,
        /// Where reading failed.
        source: BitsError,
    },
    /// A field has a value outside its range.
    #[error("{what}: {field} is out of range")]
    OutOfRange {
        /// Which set.
        what: &'static str,
        /// Which field.
        field: &'static str,
    },
}
