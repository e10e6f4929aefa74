//! One viewer's copy of a header, a part or a segment: the shared bytes with his marks between them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use media::fmp4::Splicer;
use media::hls::live::{Map, Name, Part};
use media::mark::Pen;

use super::shelf::{Found, Gone, Shelf};

/// What goes out for one request: its pieces, in their order.
#[derive(Debug)]
pub struct Copied {
    pieces: VecDeque<Bytes>,
    bytes: u64,
}

impl Copied {
    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece of it.
    pub fn take_piece(&mut self) -> Option<Bytes> {
        self.pieces.pop_front()
    }

    fn of(pieces: VecDeque<Bytes>) -> Self {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces, bytes }
    }
}

impl Shelf {
    /// The copy that `pen` marks of what has this name. Waits for a part that is hinted at; whoever asks bounds the wait.
    pub async fn copy(&self, name: Name, pen: &Pen) -> Result<Copied, Gone> {
        match self.find(name).await? {
            Found::Map(map) => Ok(Copied::of([map.bytes.clone()].into())),
            Found::Parts(map, parts) => marked(&map, &parts, pen).map(Copied::of).ok_or(Gone::Missing),
        }
    }
}

/// Each request begins with a mark, so that no part leaves without one. None where nothing can carry it: it must not leave then.
fn marked(map: &Arc<Map>, parts: &[Part], pen: &Pen) -> Option<VecDeque<Bytes>> {
    let mut splicer = Splicer::new(&map.tracks)?;
    let mut pieces = VecDeque::with_capacity(parts.len() * 4);
    for part in parts {
        let spliced = splicer.splice(&part.bytes, pen)?;
        pieces.push_back(Bytes::from(spliced.head));
        pieces.extend(spliced.data);
    }
    Some(pieces)
}
