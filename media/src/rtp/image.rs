//! A frame's packets as they go out: one contiguous image for RTSP over TCP (RFC 2326 section 10.12), and one of bare
//! datagrams in runs of equal size, so that a run leaves in one call (`UDP_SEGMENT`). Each is built once and sent to every
//! viewer; only the packet with the viewer's mark is his own, in a slot of the same length for all.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::slot;
use super::{HEADER_BYTES, RtpStamp};
use crate::codec::{CodecParams, Part, RTP_PAYLOAD_BYTES_MAX};
use crate::frame::Frame;
use crate::mark::Slot;

/// Bytes before each packet: `$`, channel, length.
pub const INTERLEAVED_HEADER_BYTES: usize = 4;
/// Bytes of every datagram of a run but its last: the longest that leaves.
pub const SEGMENT_BYTES: usize = HEADER_BYTES + RTP_PAYLOAD_BYTES_MAX;
/// Datagrams of a run: the kernel takes 64, and 64 KiB.
const RUN_SEGMENTS_MAX: usize = 46;

/// What a frame will be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Packets, without a mark's.
    pub packets: u16,
    /// There is a picture among them, so that a mark has a place.
    pub picture: bool,
}

/// Counts a frame's packets.
pub fn cut(params: &CodecParams, frame: &Frame) -> Cut {
    let mut cut = Cut { packets: 0, picture: false };
    params.packetize(&frame.payload, frame.keyframe, &mut |part| {
        cut.packets = cut.packets.saturating_add(1);
        cut.picture |= part.picture;
    });
    cut
}

/// The packets of a frame for RTSP over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    bytes: Bytes,
    slot: Option<(usize, Slot)>,
}

impl Image {
    /// The frame's packets, each behind its header `$`, channel, length; channel = 2 * track. `stamp` says how many.
    pub fn build(params: &CodecParams, frame: &Frame, stamp: RtpStamp) -> Self {
        let per_packet = INTERLEAVED_HEADER_BYTES + HEADER_BYTES;
        let room = frame.payload.len() + (usize::from(stamp.packets) + 1) * (per_packet + 4);
        let (mut bytes, mut slot) = (BytesMut::with_capacity(room), None);
        let channel = channel(frame);
        lay_out(params, frame, stamp, &mut |item| match item {
            Laid::Packet(packet) => {
                bytes.put_slice(&[b'$', channel]);
                bytes.put_u16(packet.bytes() as u16);
                packet.write(&mut bytes);
            }
            Laid::Slot(own) => slot = Some((bytes.len(), own)),
        });
        Self { bytes: bytes.freeze(), slot }
    }

    /// No packets.
    pub fn empty() -> Self {
        Self { bytes: Bytes::new(), slot: None }
    }

    /// All that viewers share.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The viewer's own packet, and where in `bytes` it goes.
    pub fn slot(&self) -> Option<(usize, &Slot)> {
        self.slot.as_ref().map(|(at, slot)| (*at, slot))
    }

    /// Bytes that leave for one viewer.
    pub fn wire_bytes(&self) -> usize {
        self.bytes.len() + self.slot.as_ref().map_or(0, |(_, slot)| slot.bytes())
    }

    /// RTP payload bytes of its so many packets, as a sender report counts them.
    pub fn octets(&self, packets: u16) -> usize {
        octets(self.wire_bytes(), packets)
    }
}

/// What leaves by UDP in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Where in the bytes it lies: datagrams of `SEGMENT_BYTES`, the last one of any length up to that.
    Run(Range<usize>),
    /// The viewer's own packet.
    Slot(&'a Slot),
}

/// The packets of a frame for UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagrams {
    bytes: Bytes,
    runs: Vec<Range<usize>>,
    /// The viewer's own packet, and how many runs stand before it.
    slot: Option<(usize, Slot)>,
}

impl Datagrams {
    /// The frame's packets without interleaved headers.
    pub fn build(params: &CodecParams, frame: &Frame, stamp: RtpStamp) -> Self {
        let room = frame.payload.len() + (usize::from(stamp.packets) + 1) * (HEADER_BYTES + 4);
        let (mut bytes, mut runs, mut slot) = (BytesMut::with_capacity(room), Runs::default(), None);
        lay_out(params, frame, stamp, &mut |item| match item {
            Laid::Packet(packet) => {
                packet.write(&mut bytes);
                runs.add(bytes.len());
            }
            Laid::Slot(own) => {
                runs.close();
                slot = Some((runs.runs.len(), own));
            }
        });
        runs.close();
        Self { bytes: bytes.freeze(), runs: runs.runs, slot }
    }

    /// No packets.
    pub fn empty() -> Self {
        Self { bytes: Bytes::new(), runs: Vec::new(), slot: None }
    }

    /// All that viewers share.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The runs and the viewer's own packet in the order in which they leave.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let before = self.slot.as_ref().map_or(self.runs.len(), |(at, _)| *at);
        let (first, last) = self.runs.split_at(before.min(self.runs.len()));
        let own = self.slot.iter().map(|(_, slot)| Item::Slot(slot));
        first.iter().cloned().map(Item::Run).chain(own).chain(last.iter().cloned().map(Item::Run))
    }

    /// RTP payload bytes of its so many packets, as a sender report counts them.
    pub fn octets(&self, packets: u16) -> usize {
        let own = self.slot.as_ref().map_or(0, |(_, slot)| slot.bytes() - INTERLEAVED_HEADER_BYTES);
        (self.bytes.len() + own).saturating_sub(usize::from(packets) * HEADER_BYTES)
    }
}

/// Gathers packets into runs, by where each of them ends.
#[derive(Default)]
struct Runs {
    runs: Vec<Range<usize>>,
    begin: usize,
    end: usize,
}

impl Runs {
    fn add(&mut self, end: usize) {
        let packet = end - self.end;
        self.end = end;
        if packet < SEGMENT_BYTES || self.end - self.begin >= RUN_SEGMENTS_MAX * SEGMENT_BYTES {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.end > self.begin {
            self.runs.push(self.begin..self.end);
        }
        self.begin = self.end;
    }
}

enum Laid<'a> {
    Packet(Outgoing<'a>),
    Slot(Slot),
}

/// One packet's header and payload.
struct Outgoing<'a> {
    header: [u8; HEADER_BYTES],
    part: Part<'a>,
}

impl Outgoing<'_> {
    fn bytes(&self) -> usize {
        HEADER_BYTES + self.part.head.len() + self.part.body.len()
    }

    fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.header);
        out.put_slice(self.part.head);
        out.put_slice(self.part.body);
    }
}

/// Tells a frame's packets in their order, the mark's slot among them where the stamp says so: before the first packet of
/// the picture, or behind its last where the payload format has no other place (RFC 2435 carries no segments).
fn lay_out(params: &CodecParams, frame: &Frame, stamp: RtpStamp, out: &mut dyn FnMut(Laid<'_>)) {
    let payload_type = params.payload_type(frame.track.0);
    let follows = params.mark_follows_picture();
    let (mut index, mut placed) = (0_u16, !stamp.marked);
    let header = |index: u16, marker: bool, ticks: u32| {
        let [s1, s2] = stamp.first_sequence.wrapping_add(index).to_be_bytes();
        let [t1, t2, t3, t4] = stamp.timestamp.wrapping_add(ticks).to_be_bytes();
        let [i1, i2, i3, i4] = stamp.ssrc.to_be_bytes();
        [0x80, u8::from(marker) << 7 | payload_type, s1, s2, t1, t2, t3, t4, i1, i2, i3, i4]
    };
    let slot = |index, marker| slot::build(params, &frame.payload, channel(frame), header(index, marker, 0));
    params.packetize(&frame.payload, frame.keyframe, &mut |part| {
        if !placed && part.picture && !follows {
            placed = true;
            if let Some(slot) = slot(index, false) {
                out(Laid::Slot(slot));
                index += 1;
            }
        }
        // A frame that needs more packets than its stamp reserved cannot occur; its rest would steal the next one's numbers.
        if index >= stamp.packets {
            return;
        }
        let marker = part.marker && (placed || !follows);
        out(Laid::Packet(Outgoing { header: header(index, marker, part.ticks), part }));
        index += 1;
    });
    if !placed && let Some(slot) = slot(index, true) {
        out(Laid::Slot(slot));
    }
}

fn channel(frame: &Frame) -> u8 {
    frame.track.0.wrapping_mul(2)
}

/// The packets of an interleaved image without their headers. Ends where the image is no image.
pub fn datagrams(image: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = image;
    std::iter::from_fn(move || {
        let (&[dollar, _channel, high, low], tail) = rest.split_first_chunk::<INTERLEAVED_HEADER_BYTES>()?;
        let (packet, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        rest = tail;
        (dollar == b'$').then_some(packet)
    })
}

/// RTP payload bytes of an image, as a sender report counts them: without any header (RFC 3550 section 6.4.1).
pub fn octets(wire_bytes: usize, packets: u16) -> usize {
    wire_bytes.saturating_sub(usize::from(packets) * (INTERLEAVED_HEADER_BYTES + HEADER_BYTES))
}
