//! RTP payloads of RFC 2435 to whole JFIF pictures. Fragments must come in order; a gap drops the picture.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::packetize::RESTART_FLAG;
use super::tables::{self, TABLE_BYTES};
use super::{Params, jfif};
use crate::codec::bounds::{FRAGMENTS_MAX, UNIT_BYTES_MAX};
use crate::codec::{AccessUnit, CodecParams, DepacketizeError, RtpPayload};

/// The scratch buffer shrinks back to this after an outsized picture.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;

type Tables = [u8; 2 * TABLE_BYTES];

#[derive(Debug, Default)]
pub(in crate::codec) struct Depacketizer {
    params: Option<CodecParams>,
    /// Tables by `Q`, 128 to 254: a later picture may refer to them without repeating them. At most 127 of 128 bytes.
    by_q: BTreeMap<u8, Tables>,
    picture: Option<Picture>,
    /// Timestamp of a dropped picture whose further packets are passed over.
    skipping: Option<i64>,
    scratch: Vec<u8>,
    after_loss: bool,
}

#[derive(Debug)]
struct Picture {
    timestamp: i64,
    scan_bytes: usize,
    packets: usize,
    size: Params,
}

/// One packet's headers, taken apart.
struct Fragment<'a> {
    offset: usize,
    header: MainHeader,
    restart_interval: u16,
    /// What the quantisation table header brings, where it is there; empty where it refers to earlier tables.
    tables: Option<&'a [u8]>,
    data: &'a [u8],
}

#[derive(Clone, Copy)]
struct MainHeader {
    kind: u8,
    q: u8,
    width: u16,
    height: u16,
}

impl Depacketizer {
    pub(in crate::codec) fn params(&self) -> Option<&CodecParams> {
        self.params.as_ref()
    }

    pub(in crate::codec) fn check_invariants(&self) {
        assert!(self.scratch.len() <= UNIT_BYTES_MAX && self.scratch.capacity() <= 2 * UNIT_BYTES_MAX);
        assert!(self.by_q.len() <= 127);
        assert!(self.picture.is_some() || self.scratch.is_empty(), "bytes of no picture");
    }

    pub(in crate::codec) fn push(
        &mut self,
        packet: &RtpPayload<&[u8]>,
        ready: &mut VecDeque<AccessUnit>,
    ) -> Result<(), DepacketizeError> {
        let before = self.begin(packet);
        if self.skipping == Some(packet.timestamp) {
            if packet.marker {
                self.skipping = None;
            }
            return before;
        }
        self.skipping = None;
        let added = self.add(packet, ready);
        if added.is_err() {
            self.drop_picture();
            self.skipping = (!packet.marker).then_some(packet.timestamp);
        }
        before.and(added)
    }

    fn begin(&mut self, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        let sequence = packet.sequence;
        self.after_loss |= packet.loss > 0;
        let Some(picture) = &self.picture else { return Ok(()) };
        if packet.loss > 0 {
            self.skipping = Some(picture.timestamp);
            self.drop_picture();
            return Err(DepacketizeError::Loss { sequence, packets: packet.loss });
        }
        if picture.timestamp != packet.timestamp {
            self.drop_picture();
            return Err(DepacketizeError::Fragment {
                sequence,
                what: "the timestamp changes before the last fragment",
            });
        }
        Ok(())
    }

    fn drop_picture(&mut self) {
        self.picture = None;
        self.clear_scratch();
        self.after_loss = true;
    }

    fn clear_scratch(&mut self) {
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
    }

    fn add(&mut self, packet: &RtpPayload<&[u8]>, ready: &mut VecDeque<AccessUnit>) -> Result<(), DepacketizeError> {
        let sequence = packet.sequence;
        let fragment = Fragment::read(sequence, packet.payload)?;
        if fragment.offset == 0 && self.picture.is_none() {
            self.start(packet, &fragment)?;
        }
        let wrong = |what| DepacketizeError::Fragment { sequence, what };
        let picture = self.picture.as_mut().ok_or(wrong("a fragment comes without the first one"))?;
        if fragment.offset != picture.scan_bytes {
            return Err(wrong("a fragment's offset is not where the one before ended"));
        }
        picture.packets += 1;
        picture.scan_bytes += fragment.data.len();
        let too_large = |what, max| DepacketizeError::TooLarge { sequence, what, max };
        if picture.packets > FRAGMENTS_MAX {
            return Err(too_large("packets", FRAGMENTS_MAX));
        }
        if self.scratch.len() + fragment.data.len() > UNIT_BYTES_MAX {
            return Err(too_large("bytes", UNIT_BYTES_MAX));
        }
        self.scratch.extend_from_slice(fragment.data);
        if packet.marker {
            self.finish(ready);
        }
        Ok(())
    }

    fn start(&mut self, packet: &RtpPayload<&[u8]>, fragment: &Fragment<'_>) -> Result<(), DepacketizeError> {
        let header = fragment.header;
        let tables = self.tables(packet.sequence, fragment)?;
        let header = jfif::Header {
            sampling: header.kind & 1,
            width: header.width,
            height: header.height,
            restart_interval: fragment.restart_interval,
            tables,
        };
        self.scratch.clear();
        jfif::write(&header, &mut self.scratch);
        let size = Params { width: u32::from(header.width), height: u32::from(header.height) };
        self.picture = Some(Picture { timestamp: packet.timestamp, scan_bytes: 0, packets: 0, size });
        Ok(())
    }

    fn tables(&mut self, sequence: u16, fragment: &Fragment<'_>) -> Result<Tables, DepacketizeError> {
        let field = |what| DepacketizeError::Field { sequence, what };
        let q = fragment.header.q;
        let Some(sent) = fragment.tables else {
            return if (1..=99).contains(&q) { Ok(tables::quantisation(q)) } else { Err(field("Q is reserved")) };
        };
        if sent.is_empty() {
            return self.by_q.get(&q).copied().ok_or(field("no quantisation tables have come for this Q"));
        }
        let tables = *sent.first_chunk::<{ 2 * TABLE_BYTES }>().ok_or(field("fewer than two quantisation tables"))?;
        if q < 255 {
            self.by_q.insert(q, tables);
        }
        Ok(tables)
    }

    fn finish(&mut self, ready: &mut VecDeque<AccessUnit>) {
        let Some(picture) = self.picture.take() else { return };
        jfif::write_end(&mut self.scratch);
        let params = Some(CodecParams::Mjpeg(picture.size));
        let new_params = self.params != params;
        self.params = params;
        ready.push_back(AccessUnit {
            timestamp: picture.timestamp,
            keyframe: true,
            new_params,
            after_loss: std::mem::take(&mut self.after_loss),
            payload: Bytes::copy_from_slice(&self.scratch),
        });
        self.clear_scratch();
    }
}

impl<'a> Fragment<'a> {
    fn read(sequence: u16, payload: &'a [u8]) -> Result<Self, DepacketizeError> {
        let truncated = |what| DepacketizeError::Truncated { sequence, what };
        let (main, mut rest) = payload.split_first_chunk::<8>().ok_or(truncated("the main header"))?;
        let &[_, high, middle, low, kind, q, width, height] = main;
        if !matches!(kind, 0 | 1 | 64 | 65) {
            return Err(DepacketizeError::Kind { sequence, kind });
        }
        if width == 0 || height == 0 {
            return Err(DepacketizeError::Field { sequence, what: "a side of 0, or of more than 2040 pixels" });
        }
        let offset = u32::from_be_bytes([0, high, middle, low]) as usize;
        let mut restart_interval = 0;
        if kind & RESTART_FLAG != 0 {
            let (restart, tail) = rest.split_first_chunk::<4>().ok_or(truncated("the restart marker header"))?;
            restart_interval = u16::from_be_bytes([restart[0], restart[1]]);
            rest = tail;
        }
        let mut tables = None;
        if q >= 128 && offset == 0 {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or(truncated("the quantisation table header"))?;
            let &[_, precision, length_high, length_low] = head;
            if precision & 3 != 0 {
                return Err(DepacketizeError::Field {
                    sequence,
                    what: "quantisation tables of 16 bits are not baseline",
                });
            }
            let length = usize::from(u16::from_be_bytes([length_high, length_low]));
            let (sent, tail) = tail.split_at_checked(length).ok_or(truncated("the quantisation tables"))?;
            (tables, rest) = (Some(sent), tail);
        }
        let header = MainHeader { kind, q, width: u16::from(width) * 8, height: u16::from(height) * 8 };
        Ok(Self { offset, header, restart_interval, tables, data: rest })
    }
}
