//! A frame's packets for SRTP: their payloads alone, shared by all viewers, since each one's packets have numbers and a key of
//! their own. They are smaller than those of plain RTP, so the stream's running numbers do not fit them. The mark is in a slot
//! as everywhere.

use std::sync::Arc;

use crate::codec::{CodecParams, Part, SRTP_PAYLOAD_BYTES_MAX};
use crate::frame::Frame;
use crate::mark::{Carrier, Slot};

/// One packet's payload and what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The payload.
    pub bytes: Arc<[u8]>,
    /// The marker bit.
    pub marker: bool,
    /// Ticks between the frame's timestamp and this packet's.
    pub ticks: u32,
}

/// The payloads of a frame in the order in which they leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payloads {
    packets: Vec<Payload>,
    /// The viewer's own packet, and how many packets stand before it.
    slot: Option<(usize, Slot)>,
}

impl Payloads {
    /// The frame's payloads; with a place for a mark before its picture where it is `marked`.
    pub fn build(params: &CodecParams, frame: &Frame, marked: bool) -> Self {
        let (mut packets, mut slot, mut placed) = (Vec::new(), None, !marked);
        let own = || Some(Slot::behind(&[], &Carrier::of(params)?.unit(&frame.payload)));
        params.packetize_within(SRTP_PAYLOAD_BYTES_MAX, &frame.payload, frame.keyframe, &mut |part: Part<'_>| {
            if !placed && part.picture {
                placed = true;
                slot = own().map(|slot| (packets.len(), slot));
            }
            let bytes = [part.head, part.body].concat().into();
            packets.push(Payload { bytes, marker: part.marker, ticks: part.ticks });
        });
        Self { packets, slot }
    }

    /// None.
    pub fn empty() -> Self {
        Self { packets: Vec::new(), slot: None }
    }

    /// Bytes that were copied for them.
    pub fn bytes(&self) -> usize {
        self.packets.iter().map(|packet| packet.bytes.len()).sum()
    }

    /// The payloads before the viewer's own one, his own, and those behind it.
    pub fn parts(&self) -> (&[Payload], Option<&Slot>, &[Payload]) {
        let at = self.slot.as_ref().map_or(self.packets.len(), |(at, _)| *at);
        let (before, behind) = self.packets.split_at_checked(at).unwrap_or((&self.packets, &[]));
        (before, self.slot.as_ref().map(|(_, slot)| slot), behind)
    }
}
