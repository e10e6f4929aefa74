//! Whose copy it is: what writes the marks of one session.

use super::text::{MarkKey, SessionMark, Text};
use crate::wall::Wall;

/// Writes the marks of a session's copies.
#[derive(Clone, Debug)]
pub struct Pen {
    /// The appliance's key.
    pub key: MarkKey,
    /// Whose copies they are.
    pub session: SessionMark,
}

impl Pen {
    /// The mark before the picture captured at `at`.
    pub fn write(&self, at: Wall) -> Text {
        self.key.write(self.session, at)
    }
}
