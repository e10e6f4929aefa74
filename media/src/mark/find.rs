//! Marks in bytes of any kind: wherever the UUID stands with 44 characters behind it. A container that cuts a unit into pieces
//! is put together first, elsewhere.

use memchr::memmem;

use super::text::{TEXT_BYTES, Text};
use super::unit::UUID;

/// Bytes that a mark takes from its UUID on.
const SPAN_BYTES: usize = UUID.len() + TEXT_BYTES;

/// A text behind a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where its UUID stands in what was pushed so far.
    pub at: u64,
    /// What stands behind it, whatever it is.
    pub text: Text,
}

/// Looks through bytes that come in pieces, and remembers no more of them than a mark is long.
pub struct Finder {
    uuid: memmem::Finder<'static>,
    /// The end of what was seen: a mark may begin in it.
    tail: Vec<u8>,
    /// Bytes before the tail.
    passed: u64,
}

impl Default for Finder {
    fn default() -> Self {
        Self { uuid: memmem::Finder::new(&UUID).into_owned(), tail: Vec::new(), passed: 0 }
    }
}

impl Finder {
    /// Takes the next bytes and tells each mark that is whole by now.
    pub fn push(&mut self, bytes: &[u8], found: &mut impl FnMut(Found)) {
        // What spans two pieces first: the old tail and as much of the new bytes as a mark needs.
        let seam = self.tail.len();
        self.tail.extend(bytes.iter().take(SPAN_BYTES - 1));
        self.look(&self.tail, self.passed, seam, found);
        self.look(bytes, self.passed + seam as u64, bytes.len(), found);
        let keep = SPAN_BYTES - 1;
        self.passed += (seam + bytes.len()) as u64;
        if bytes.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(bytes.get(bytes.len() - keep..).unwrap_or_default());
        } else {
            let excess = self.tail.len().saturating_sub(keep);
            self.tail.drain(..excess);
        }
        self.passed -= self.tail.len() as u64;
    }

    /// What comes next does not follow what came: no mark begins in the one and ends in the other.
    pub fn cut(&mut self) {
        self.passed += self.tail.len() as u64;
        self.tail.clear();
    }

    /// Marks that begin before `end` in `bytes` and are whole.
    fn look(&self, bytes: &[u8], offset: u64, end: usize, found: &mut impl FnMut(Found)) {
        for at in self.uuid.find_iter(bytes).take_while(|at| *at < end) {
            let text = bytes.get(at + UUID.len()..).and_then(|rest| rest.first_chunk::<TEXT_BYTES>());
            if let Some(text) = text {
                found(Found { at: offset + at as u64, text: *text });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = vec![7; 1_000];
        for (place, letter) in [(0, b'a'), (100, b'b'), (159, b'c'), (940, b'd')] {
            bytes.splice(place..place + SPAN_BYTES, UUID.into_iter().chain([letter; TEXT_BYTES]));
        }
        // Begun and not ended: no mark.
        bytes.extend_from_slice(&UUID);
        bytes
    }

    #[test]
    fn each_mark_is_found_once_wherever_the_pieces_end() {
        let bytes = sample();
        for size in (1..=130).chain([999, 2_000]) {
            let (mut finder, mut all) = (Finder::default(), Vec::new());
            bytes.chunks(size).for_each(|piece| finder.push(piece, &mut |found| all.push((found.at, found.text[0]))));
            // The mark at 100 is overwritten from 159 on in its last character: both are texts behind a UUID.
            assert_eq!(all, [(0, b'a'), (100, b'b'), (159, b'c'), (940, b'd')], "{size}");
        }
    }

    #[test]
    fn nothing_is_joined_across_a_cut() {
        let mark = [&UUID[..], &[b'x'; TEXT_BYTES]].concat();
        for at in 0..=mark.len() {
            let (mut finder, mut all) = (Finder::default(), Vec::new());
            let (first, second) = mark.split_at(at);
            finder.push(first, &mut |found| all.push(found.at));
            finder.cut();
            finder.push(second, &mut |found| all.push(found.at));
            assert_eq!(all.len(), usize::from(at == 0 || at == mark.len()), "{at}");
            finder.push(&mark, &mut |found| all.push(found.at));
            assert_eq!(all.last(), Some(&(mark.len() as u64)), "places go on across a cut");
        }
    }
}
