//! A frame's packets as one contiguous wire image for RTSP over TCP (RFC 2326 section 10.12), and the same packets one by
//! one for UDP. Built once, sent to every viewer.

use bytes::{BufMut, Bytes, BytesMut};

use super::{HEADER_BYTES, RtpStamp};
use crate::codec::CodecParams;
use crate::frame::Frame;

/// Bytes before each packet: `$`, channel, length.
pub const INTERLEAVED_HEADER_BYTES: usize = 4;

/// How many packets `interleaved` will make of this frame.
pub fn packet_count(params: &CodecParams, frame: &Frame) -> u16 {
    let mut packets = 0u16;
    params.packetize(&frame.payload, frame.keyframe, &mut |_| packets = packets.saturating_add(1));
    packets
}

/// The frame's packets, each behind its RFC 2326 section 10.12 header `$`, channel, length; channel = 2 * track.
pub fn interleaved(params: &CodecParams, frame: &Frame, stamp: RtpStamp) -> Bytes {
    let payload_type = params.payload_type(frame.track.0);
    let channel = frame.track.0.wrapping_mul(2);
    let per_packet = INTERLEAVED_HEADER_BYTES + HEADER_BYTES;
    let mut image = BytesMut::with_capacity(frame.payload.len() + (usize::from(stamp.packets) + 1) * (per_packet + 4));
    let mut index = 0u16;
    params.packetize(&frame.payload, frame.keyframe, &mut |part| {
        // A frame that needs more packets than its stamp reserved cannot occur; its rest would steal the next one's numbers.
        if index >= stamp.packets {
            return;
        }
        let length = HEADER_BYTES + part.head.len() + part.body.len();
        image.put_u8(b'$');
        image.put_u8(channel);
        image.put_u16(length as u16);
        image.put_u8(0x80);
        image.put_u8(u8::from(part.marker) << 7 | payload_type);
        image.put_u16(stamp.first_sequence.wrapping_add(index));
        image.put_u32(stamp.timestamp.wrapping_add(part.ticks));
        image.put_u32(stamp.ssrc);
        image.put_slice(part.head);
        image.put_slice(part.body);
        index += 1;
    });
    image.freeze()
}

/// The packets of an image without their interleaved headers, as UDP datagrams. Ends where the image is no image.
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
pub fn octets(image: &[u8], packets: u16) -> usize {
    image.len().saturating_sub(usize::from(packets) * (INTERLEAVED_HEADER_BYTES + HEADER_BYTES))
}
