//! The piece of a wire image that is a viewer's own: a mark's unit behind whatever its packaging puts before it, of the same length
//! for every viewer. The image leaves a hole; each viewer's text fills it.

use super::{Text, UNIT_BYTES_MAX, Unit};

/// Longest head before the unit: interleaved header, RTP header, RFC 2435's main and restart headers.
const HEAD_BYTES_MAX: usize = 4 + 12 + 12;
/// Longest piece.
pub const SLOT_BYTES_MAX: usize = HEAD_BYTES_MAX + UNIT_BYTES_MAX;

/// A piece with a hole for the viewer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    piece: Marked,
    text_at: usize,
}

/// A piece with a viewer's text in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    bytes: [u8; SLOT_BYTES_MAX],
    len: usize,
}

impl Slot {
    /// The unit behind these parts, which together are no longer than the longest head.
    pub(crate) fn behind(heads: &[&[u8]], unit: &Unit) -> Self {
        let mut piece = Marked { bytes: [0; SLOT_BYTES_MAX], len: 0 };
        heads.iter().for_each(|head| piece.append(head));
        let text_at = piece.len + unit.text_at();
        piece.append(unit.bytes());
        Self { piece, text_at }
    }

    /// Its length.
    pub fn bytes(&self) -> usize {
        self.piece.len
    }

    /// The piece with this text.
    pub fn filled(&self, text: &Text) -> Marked {
        let mut piece = self.piece;
        if let Some(place) = piece.bytes.get_mut(self.text_at..self.text_at + text.len()) {
            place.copy_from_slice(text);
        }
        piece
    }
}

impl Marked {
    fn append(&mut self, part: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + part.len()) {
            place.copy_from_slice(part);
            self.len += part.len();
        }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
