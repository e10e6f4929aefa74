//! From NAL units to access units, for H.264 and H.265 alike: a unit ends at the marker or where the timestamp changes.
//! Bounded in bytes, NAL units and packets; a damaged unit is dropped as a whole and the next one goes on.

use std::collections::VecDeque;
use std::marker::PhantomData;

use bytes::Bytes;

use super::bounds::{FRAGMENTS_MAX, NALS_MAX, UNIT_BYTES_MAX};
use super::nal::{self, LENGTH_BYTES, SetKind};
use super::{AccessUnit, CodecParams, DepacketizeError, ParamsError, RtpPayload};

/// The scratch buffer shrinks back to this after an outsized unit; a usual keyframe fits.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;

/// What the assembler must know of a NAL unit, from its header and the first byte of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NalKind {
    /// Part of a picture, as opposed to parameters and messages.
    pub(super) picture: bool,
    /// The picture's first slice. Meaningless unless `picture`.
    pub(super) first_slice: bool,
    /// Decoding can begin at its picture.
    pub(super) random_access: bool,
    /// A parameter set.
    pub(super) set: bool,
}

/// H.264 or H.265.
pub(super) trait NalFormat: Sized {
    /// Reads the header; `nal` may be the unit's beginning only.
    fn kind(nal: &[u8]) -> NalKind;

    /// What a parameter set describes.
    fn set_kind(set: &[u8]) -> SetKind;

    /// Reads parameter sets.
    fn params(sets: &[Bytes]) -> Result<CodecParams, ParamsError>;

    /// Takes a packet's payload apart into NAL units and fragments.
    fn add(units: &mut Assembler<Self>, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError>;
}

/// A finished unit, before its parameter sets have been looked at.
#[derive(Debug)]
struct Finished {
    unit: AccessUnit,
    has_sets: bool,
}

#[derive(Debug)]
struct Unit {
    timestamp: i64,
    nals: usize,
    packets: usize,
    /// Where the length of the NAL unit stands whose fragments are coming in.
    open_at: Option<usize>,
    picture: bool,
    keyframe: bool,
    has_sets: bool,
}

/// The access unit in progress.
#[derive(Debug)]
pub(super) struct Assembler<F> {
    unit: Option<Unit>,
    scratch: Vec<u8>,
    /// Timestamp of a dropped unit whose further packets are passed over.
    skipping: Option<i64>,
    after_loss: bool,
    ready: VecDeque<Finished>,
    format: PhantomData<F>,
}

impl<F: NalFormat> Default for Assembler<F> {
    /// As after a loss: the first packets of a connection may come from the middle of a picture.
    fn default() -> Self {
        Self {
            unit: None,
            scratch: Vec::new(),
            skipping: None,
            after_loss: true,
            ready: VecDeque::new(),
            format: PhantomData,
        }
    }
}

impl<F: NalFormat> Assembler<F> {
    fn push(&mut self, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        let before = self.begin(packet);
        if self.skipping.is_some() {
            if packet.marker {
                self.skipping = None;
            }
            return before;
        }
        let added = self.count_packet(packet).and_then(|()| F::add(self, packet)).and_then(|()| self.end(packet));
        if added.is_err() {
            self.drop_unit();
            self.skipping = (!packet.marker).then_some(packet.timestamp);
        }
        before.and(added)
    }

    /// Ends or drops the unit before, as loss and timestamp say.
    fn begin(&mut self, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        let mut result = Ok(());
        if packet.loss > 0 {
            self.after_loss = true;
            if let Some(unit) = self.unit.take() {
                self.drop_unit();
                self.skipping = Some(unit.timestamp);
                result = Err(DepacketizeError::Loss { sequence: packet.sequence, packets: packet.loss });
            }
        }
        if self.skipping.is_some_and(|timestamp| timestamp != packet.timestamp) {
            self.skipping = None;
        }
        let Some(unit) = self.unit.as_mut().filter(|unit| unit.timestamp != packet.timestamp) else { return result };
        if unit.open_at.is_some() {
            self.drop_unit();
            let what = "the timestamp changes before the last fragment";
            return Err(DepacketizeError::Fragment { sequence: packet.sequence, what });
        }
        if unit.picture {
            self.finish();
        } else {
            // Some cameras stamp parameter sets with the time of the picture before.
            unit.timestamp = packet.timestamp;
        }
        result
    }

    fn count_packet(&mut self, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        let unit = self.unit.get_or_insert(Unit {
            timestamp: packet.timestamp,
            nals: 0,
            packets: 0,
            open_at: None,
            picture: false,
            keyframe: false,
            has_sets: false,
        });
        unit.packets += 1;
        if unit.packets > FRAGMENTS_MAX {
            return Err(too_large(packet.sequence, "packets", FRAGMENTS_MAX));
        }
        Ok(())
    }

    /// A marker ends the unit, unless only parameter sets and messages are in it: some cameras set it on those too.
    fn end(&mut self, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        let Some(unit) = self.unit.as_ref().filter(|_| packet.marker) else { return Ok(()) };
        if unit.open_at.is_some() {
            let what = "the marker comes before the last fragment";
            return Err(DepacketizeError::Fragment { sequence: packet.sequence, what });
        }
        if unit.picture {
            self.finish();
        }
        Ok(())
    }

    fn drop_unit(&mut self) {
        self.unit = None;
        self.clear_scratch();
        self.after_loss = true;
    }

    fn clear_scratch(&mut self) {
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
    }

    fn finish(&mut self) {
        let Some(unit) = self.unit.take() else { return };
        let unit = Finished {
            unit: AccessUnit {
                timestamp: unit.timestamp,
                keyframe: unit.keyframe,
                new_params: false,
                after_loss: std::mem::take(&mut self.after_loss),
                // An allocation of exactly this size: the unit may stay in a ring for seconds.
                payload: Bytes::copy_from_slice(&self.scratch),
            },
            has_sets: unit.has_sets,
        };
        self.clear_scratch();
        self.ready.push_back(unit);
    }

    /// A whole NAL unit.
    pub(super) fn nal(&mut self, sequence: u16, nal: &[u8]) -> Result<(), DepacketizeError> {
        if self.unit.as_ref().is_some_and(|unit| unit.open_at.is_some()) {
            let what = "another unit comes before the last fragment";
            return Err(DepacketizeError::Fragment { sequence, what });
        }
        self.open(sequence, nal, &[])?;
        self.close();
        Ok(())
    }

    /// The first fragment of a NAL unit, with its header rebuilt.
    pub(super) fn fragment_first(&mut self, sequence: u16, header: &[u8], body: &[u8]) -> Result<(), DepacketizeError> {
        if self.unit.as_ref().is_some_and(|unit| unit.open_at.is_some()) {
            let what = "a first fragment comes before the last fragment of another unit";
            return Err(DepacketizeError::Fragment { sequence, what });
        }
        self.open(sequence, header, body)
    }

    /// A further fragment; `header` is the NAL unit's, as this fragment repeats it.
    pub(super) fn fragment_next(&mut self, sequence: u16, header: &[u8], body: &[u8]) -> Result<(), DepacketizeError> {
        let Some(at) = self.unit.as_ref().and_then(|unit| unit.open_at) else {
            return Err(DepacketizeError::Fragment { sequence, what: "a fragment comes without the first one" });
        };
        if !self.scratch.get(at + LENGTH_BYTES..).unwrap_or_default().starts_with(header) {
            return Err(DepacketizeError::Fragment {
                sequence,
                what: "a fragment is of another unit than the first one",
            });
        }
        self.append(sequence, body)
    }

    /// After the last fragment.
    pub(super) fn fragment_last(&mut self) {
        self.close();
    }

    fn open(&mut self, sequence: u16, header: &[u8], body: &[u8]) -> Result<(), DepacketizeError> {
        let at = self.scratch.len();
        self.append(sequence, &[0; LENGTH_BYTES])?;
        self.append(sequence, header)?;
        self.append(sequence, body)?;
        let kind = F::kind(self.scratch.get(at + LENGTH_BYTES..).unwrap_or_default());
        let Some(unit) = &mut self.unit else { return Ok(()) };
        if self.after_loss && kind.picture && !unit.picture && !kind.first_slice {
            return Err(DepacketizeError::Fragment { sequence, what: "the picture's first slice is missing" });
        }
        unit.nals += 1;
        if unit.nals > NALS_MAX {
            return Err(too_large(sequence, "NAL units", NALS_MAX));
        }
        unit.open_at = Some(at);
        unit.picture |= kind.picture;
        unit.keyframe |= kind.random_access;
        unit.has_sets |= kind.set;
        Ok(())
    }

    fn append(&mut self, sequence: u16, bytes: &[u8]) -> Result<(), DepacketizeError> {
        if self.scratch.len() + bytes.len() > UNIT_BYTES_MAX {
            return Err(too_large(sequence, "bytes", UNIT_BYTES_MAX));
        }
        self.scratch.extend_from_slice(bytes);
        Ok(())
    }

    fn close(&mut self) {
        let Some(at) = self.unit.as_mut().and_then(|unit| unit.open_at.take()) else { return };
        let length = u32::try_from(self.scratch.len() - at - LENGTH_BYTES).expect("bounded by UNIT_BYTES_MAX");
        let place = self.scratch.get_mut(at..at + LENGTH_BYTES).expect("open_at has room for a length");
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// A track's depacketiser: the assembler, and the parameter sets that SDP and stream have shown.
#[derive(Debug)]
pub(super) struct NalDepacketizer<F> {
    assembler: Assembler<F>,
    sets: Vec<Bytes>,
    params: Option<CodecParams>,
}

impl<F: NalFormat> NalDepacketizer<F> {
    /// Parameter sets of the SDP that cannot be read are as good as absent: those in the stream count.
    pub(super) fn new(sets: Vec<Bytes>) -> Self {
        let params = F::params(&sets).ok();
        let sets = if params.is_some() { sets } else { Vec::new() };
        Self { assembler: Assembler::default(), sets, params }
    }

    pub(super) fn params(&self) -> Option<&CodecParams> {
        self.params.as_ref()
    }

    pub(super) fn push(
        &mut self,
        packet: &RtpPayload<&[u8]>,
        ready: &mut VecDeque<AccessUnit>,
    ) -> Result<(), DepacketizeError> {
        let mut result = self.assembler.push(packet);
        while let Some(mut finished) = self.assembler.ready.pop_front() {
            if finished.has_sets {
                match self.learn(&finished.unit.payload) {
                    Ok(new) => finished.unit.new_params = new,
                    Err(source) => {
                        result = result.and(Err(DepacketizeError::Params { sequence: packet.sequence, source }));
                    }
                }
            }
            ready.push_back(finished.unit);
        }
        result
    }

    /// Reads the parameter sets of a finished unit; true where the parameters changed.
    fn learn(&mut self, payload: &[u8]) -> Result<bool, ParamsError> {
        let found = nal::units(payload).filter(|unit| F::kind(unit).set);
        let Some(merged) = nal::merge_sets(&self.sets, found, F::set_kind) else { return Ok(false) };
        match F::params(&merged) {
            Ok(params) => {
                let new = self.params.as_ref() != Some(&params);
                (self.params, self.sets) = (Some(params), merged);
                Ok(new)
            }
            Err(ParamsError::Missing(_)) => {
                self.sets = merged;
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    pub(super) fn check_invariants(&self) {
        let Assembler { unit, scratch, ready, .. } = &self.assembler;
        assert!(scratch.len() <= UNIT_BYTES_MAX && scratch.capacity() <= 2 * UNIT_BYTES_MAX);
        assert!(ready.is_empty(), "every finished unit is handed on at once");
        assert!(self.sets.len() <= nal::SETS_MAX);
        let Some(unit) = unit else { return assert!(scratch.is_empty(), "bytes of no unit") };
        assert!(unit.nals <= NALS_MAX && unit.packets <= FRAGMENTS_MAX);
        let whole = scratch.get(..unit.open_at.unwrap_or(scratch.len())).expect("open_at is within the unit");
        let lengths: usize = nal::units(whole).map(|nal| nal.len() + LENGTH_BYTES).sum();
        assert_eq!(lengths, whole.len(), "lengths and bytes disagree");
    }
}

fn too_large(sequence: u16, what: &'static str, max: usize) -> DepacketizeError {
    DepacketizeError::TooLarge { sequence, what, max }
}
