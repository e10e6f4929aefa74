//! Marks in a fragment on its way out: a unit before the picture of each keyframe, and of the first picture that lies
//! `INTERVAL_MAX` or more after the last mark. The fragment must be as `head` writes them; its own bytes stay as they are, and how
//! long the copy is follows from the head alone. Deliberately absent: reading it, and whose copy it is.

use std::ops::Range;

use bytes::Bytes;

use super::boxes::Header;
use super::head::{HEADER_BYTES, PRFT_BYTES};
use super::layout::{Layout, RunAt};
use super::micros;
use super::reader::{MOOF_BYTES_MAX, TrackHeader};
use crate::mark::{Carrier, INTERVAL_MAX, Pen, TEXT_BYTES, Text};
use crate::wall::Wall;

/// How many bytes a fragment's head takes, given at least the first 40 of them; none where it is not as we write them.
pub fn head_bytes(beginning: &[u8]) -> Option<usize> {
    let moof = Header::parse(beginning.get(PRFT_BYTES..)?)?;
    let known = &moof.kind == b"moof" && moof.bytes <= MOOF_BYTES_MAX;
    known.then_some(PRFT_BYTES + moof.bytes as usize + HEADER_BYTES)
}

/// A fragment with its marks: `head`, then `data` in order.
#[derive(Clone, Debug)]
pub struct Spliced {
    /// prft, moof and the header of the mdat.
    pub head: Vec<u8>,
    /// The units, and between them the samples as slices of what was read.
    pub data: Vec<Bytes>,
}

/// Puts marks into the fragments of one piece, one after the other.
#[derive(Clone, Debug)]
pub struct Splicer {
    lanes: Vec<Lane>,
}

/// One track, and how far its marks have come.
#[derive(Clone, Debug)]
struct Lane {
    track: u32,
    timescale: u32,
    carrier: Option<Carrier>,
    /// Decode time of the last sample with a mark.
    marked_at: Option<u64>,
}

/// Where a mark belongs.
struct Place {
    carrier: Carrier,
    /// Where its sample's size stands.
    size_at: usize,
    /// The sample.
    sample: Range<usize>,
    /// When the sample was captured.
    at: Wall,
}

impl Splicer {
    /// For a piece of these tracks, which begins with a mark. None where no track can carry one.
    pub fn new(tracks: &[TrackHeader]) -> Option<Self> {
        let lane = |t: &TrackHeader| Lane { track: t.id, timescale: t.timescale, carrier: t.carrier, marked_at: None };
        let any = tracks.iter().any(|t| t.carrier.is_some());
        any.then(|| Self { lanes: tracks.iter().map(lane).collect() })
    }

    /// Length of the next fragment with its marks, which has `stored_bytes` without them. It takes the head alone. None where
    /// that is not as we write them.
    pub fn length(&mut self, head: &[u8], stored_bytes: u64) -> Option<u64> {
        let layout = Layout::read(head).filter(|layout| layout.bytes as u64 == stored_bytes)?;
        let mut bytes = stored_bytes;
        for run in &layout.runs {
            let units = self.due(&layout, run, head)?.into_iter().map(|place| unit_bytes(place.carrier) as u64);
            bytes = bytes.checked_add(units.sum())?;
        }
        Some(bytes)
    }

    /// The next fragment with its marks. None where it is not as we write them.
    pub fn splice(&mut self, fragment: &Bytes, pen: &Pen) -> Option<Spliced> {
        let layout = Layout::read(fragment).filter(|layout| layout.bytes == fragment.len())?;
        let mut head = fragment.get(..layout.data_at())?.to_vec();
        let (mut data, mut passed, mut added) = (Vec::new(), layout.data_at(), 0);
        for run in &layout.runs {
            enlarge(&mut head, run.offset_at, added)?;
            for place in self.due(&layout, run, fragment)? {
                let payload = fragment.get(place.sample.clone())?;
                let unit = unit(place.carrier, payload, &pen.write(place.at));
                let cut = place.sample.start + place.carrier.insertion(payload).unwrap_or(payload.len());
                enlarge(&mut head, place.size_at, unit.len())?;
                added += unit.len();
                data.extend([fragment.slice(passed..cut), unit]);
                passed = cut;
            }
        }
        enlarge(&mut head, layout.mdat_at, added)?;
        data.push(fragment.slice(passed..));
        data.retain(|part| !part.is_empty());
        Some(Spliced { head, data })
    }

    /// The samples of a run that get a mark. None where the run is of no known track.
    fn due(&mut self, layout: &Layout, run: &RunAt, head: &[u8]) -> Option<Vec<Place>> {
        let lead = self.lanes.iter().find(|lane| lane.track == layout.lead)?;
        let begin = layout.start.micros().saturating_sub(lead.micros(layout.media_time, 0));
        let lane = self.lanes.iter_mut().find(|lane| lane.track == run.track)?;
        let Some(carrier) = lane.carrier else { return Some(Vec::new()) };
        let mut places = Vec::new();
        for sample in run.samples(head) {
            if sample.sync || lane.is_due(sample.decode_time) {
                lane.marked_at = Some(sample.decode_time);
                let at = begin.saturating_add(lane.micros(sample.decode_time, sample.composition));
                let (size_at, sample) = (sample.size_at, sample.data);
                places.push(Place { carrier, size_at, sample, at: Wall::from_micros(at) });
            }
        }
        Some(places)
    }
}

impl Lane {
    /// A mark's interval is over, or the line of time has leapt.
    fn is_due(&self, decode_time: u64) -> bool {
        let interval = u64::from(self.timescale) * INTERVAL_MAX.as_secs();
        self.marked_at.is_none_or(|at| decode_time.abs_diff(at) >= interval)
    }

    /// A place on its line in microseconds.
    fn micros(&self, decode_time: u64, composition: i32) -> i64 {
        let ticks = i64::try_from(decode_time).unwrap_or(i64::MAX).saturating_add(composition.into());
        micros(ticks, self.timescale)
    }
}

/// The unit as it stands in a sample: a NAL unit is behind its length, as the others are.
fn unit(carrier: Carrier, payload: &[u8], text: &Text) -> Bytes {
    let unit = carrier.unit(payload).filled(text);
    match carrier {
        Carrier::H264 | Carrier::H265 => {
            let length = unit.bytes().len() as u32;
            [&length.to_be_bytes(), unit.bytes()].concat().into()
        }
        Carrier::Jpeg => Bytes::copy_from_slice(unit.bytes()),
    }
}

/// Its length, which is the same in all samples.
fn unit_bytes(carrier: Carrier) -> usize {
    unit(carrier, &[], &[b'.'; TEXT_BYTES]).len()
}

/// Adds to the 32-bit field at `at`; none where the sum does not fit.
fn enlarge(head: &mut [u8], at: usize, by: usize) -> Option<()> {
    let field = head.get_mut(at..)?.first_chunk_mut::<4>()?;
    let sum = u32::from_be_bytes(*field).checked_add(u32::try_from(by).ok()?)?;
    *field = sum.to_be_bytes();
    Some(())
}
