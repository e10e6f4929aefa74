//! MPEG program streams (ITU-T H.222.0 section 2.5), which GB/T 28181 devices write and ffmpeg makes of a `.mpg`: each stream id's
//! data is put together, PES headers taken out. Where no start code stands, what lies there is looked through as it is.

use std::collections::BTreeMap;

use memchr::memmem;

use super::joined::Joined;
use super::{Container, Place, Sink, pes};

/// Start code and stream id.
const CODE_BYTES: usize = 4;
/// Start code, stream id and the length of what follows.
const HEAD_BYTES: usize = 6;
/// Longest packet.
const PACKET_BYTES_MAX: usize = HEAD_BYTES + u16::MAX as usize;
/// A pack header of MPEG-1, and one of MPEG-2 before its stuffing.
const PACK_BYTES: (usize, usize) = (12, 14);
const START_CODE: [u8; 3] = [0, 0, 1];
const END: u8 = 0xb9;
/// Start codes from here on are the system's; lower ones stand inside video.
const PACK: u8 = 0xba;
/// Stream ids without media: system header, map, padding, directory.
const NO_MEDIA: [u8; 4] = [0xbb, 0xbc, 0xbe, 0xff];
/// Ids are a byte: so many streams at most.
const STREAMS_MAX: usize = 256;

/// The file begins with a pack header of either standard.
pub(super) fn begins(head: &[u8]) -> bool {
    head.starts_with(&START_CODE) && head.get(3) == Some(&PACK) && pack_bytes(head).is_some()
}

/// Length of a pack header; MPEG-2's counts its own stuffing. None if it is neither standard's, or too short to tell.
fn pack_bytes(pack: &[u8]) -> Option<usize> {
    match pack.get(CODE_BYTES)? {
        marker if marker & 0xf0 == 0x20 => Some(PACK_BYTES.0),
        marker if marker & 0xc0 == 0x40 => Some(PACK_BYTES.1 + usize::from(pack.get(PACK_BYTES.1 - 1)? & 7)),
        _ => None,
    }
}

/// The file.
#[derive(Default)]
pub(super) struct ProgramStream {
    streams: BTreeMap<u8, Joined>,
    /// What is in no packet.
    stray: Joined,
    /// No start code stands where one should; the next one is looked for.
    lost: bool,
}

impl ProgramStream {
    /// Looks for the next start code of the system; what lies before it is in no packet.
    fn seek(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        let system = |at: &usize| bytes.get(at + START_CODE.len()).is_some_and(|id| *id >= PACK);
        let code = memmem::find_iter(bytes, &START_CODE).find(system);
        // A code may be cut by the end of what has come.
        let stray = code.unwrap_or(bytes.len().saturating_sub(CODE_BYTES - 1));
        self.stray.scan(Place::byte(at), bytes.get(..stray).unwrap_or_default(), found);
        self.lost = code.is_none();
        (stray > 0).then_some(stray)
    }

    fn lose(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        self.lost = true;
        self.streams.values_mut().for_each(Joined::cut);
        // Not to be found again at the same place.
        self.stray.scan(Place::byte(at), bytes.get(..1)?, found);
        Some(1)
    }

    /// A packet, or as much of it as the file has.
    fn packet(&mut self, at: u64, packet: &[u8], found: &mut Sink<'_>) {
        let Some((&[_, _, _, stream_id, _, _], rest)) = packet.split_first_chunk::<HEAD_BYTES>() else { return };
        if NO_MEDIA.contains(&stream_id) {
            return;
        }
        let data = pes::Header::behind_length(stream_id).pass(rest);
        let place = Place::byte(at + (packet.len() - data.len()) as u64);
        self.streams.entry(stream_id).or_default().push(place, data, found);
    }
}

impl Container for ProgramStream {
    fn step(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        if self.lost
            && let Some(stray) = self.seek(at, bytes, found)
        {
            return Some(stray);
        }
        if self.lost {
            return None;
        }
        match *bytes.first_chunk::<CODE_BYTES>()? {
            [0, 0, 1, END] => Some(CODE_BYTES),
            [0, 0, 1, PACK] => {
                let pack = bytes.get(..PACK_BYTES.1)?;
                let Some(length) = pack_bytes(pack) else { return self.lose(at, bytes, found) };
                bytes.get(..length).map(<[u8]>::len)
            }
            [0, 0, 1, id] if id > PACK => {
                let &[_, _, _, _, high, low] = bytes.first_chunk::<HEAD_BYTES>()?;
                let packet = bytes.get(..HEAD_BYTES + usize::from(u16::from_be_bytes([high, low])))?;
                self.packet(at, packet, found);
                Some(packet.len())
            }
            _ => self.lose(at, bytes, found),
        }
    }

    fn end(&mut self, at: u64, rest: &[u8], found: &mut Sink<'_>) {
        match rest {
            [0, 0, 1, id, ..] if *id > PACK && !self.lost => self.packet(at, rest, found),
            _ => self.stray.scan(Place::byte(at), rest, found),
        }
    }

    fn step_bytes_max(&self) -> usize {
        PACKET_BYTES_MAX
    }

    fn check_invariants(&self) {
        assert!(self.streams.len() <= STREAMS_MAX);
        self.streams.values().chain([&self.stray]).for_each(Joined::check_pieces);
    }
}
