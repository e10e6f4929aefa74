//! A frame in the ring: its place, its RTP numbers, and its packagings once somebody has asked for them.

use std::sync::{Arc, OnceLock};

use crate::fmp4::MediaTime;
use crate::frame::{Frame, StreamInfo, Track};
use crate::mse::Chunk;
use crate::rtp::{Datagrams, Image, Payloads, RtpStamp};

/// A frame as its readers get it.
#[derive(Debug)]
pub struct Published {
    /// The frame.
    pub frame: Frame,
    /// The description in force for it.
    pub info: Arc<StreamInfo>,
    /// Its place in the stream since the hub was made, from 0, all tracks counted.
    pub index: u64,
    /// Payload bytes published before it.
    pub byte_offset: u64,
    /// Its packets' numbering.
    pub rtp: RtpStamp,
    /// Its place on its track's line.
    pub at: MediaTime,
    interleaved: OnceLock<Image>,
    datagrams: OnceLock<Datagrams>,
    chunk: OnceLock<Chunk>,
    payloads: OnceLock<Payloads>,
}

impl Published {
    pub(super) fn new(
        frame: Frame,
        info: Arc<StreamInfo>,
        (index, byte_offset): (u64, u64),
        rtp: RtpStamp,
        at: MediaTime,
    ) -> Self {
        let (interleaved, datagrams, chunk, payloads) = Default::default();
        Self { frame, info, index, byte_offset, rtp, at, interleaved, datagrams, chunk, payloads }
    }

    /// RTSP-over-TCP image of the frame: built at the first call, shared by all later ones, dropped with the frame. The
    /// call that builds it tells how many bytes were copied for it.
    pub fn interleaved(&self, built: impl FnOnce(usize)) -> &Image {
        self.interleaved.get_or_init(|| {
            let track = self.info.track(self.frame.track);
            let image = track.map_or_else(Image::empty, |t| Image::build(&t.params, &self.frame, self.rtp));
            built(image.bytes().len());
            image
        })
    }

    /// Its datagrams, in the same way.
    pub fn datagrams(&self, built: impl FnOnce(usize)) -> &Datagrams {
        self.datagrams.get_or_init(|| {
            let track = self.info.track(self.frame.track);
            let image = track.map_or_else(Datagrams::empty, |t| Datagrams::build(&t.params, &self.frame, self.rtp));
            built(image.bytes().len());
            image
        })
    }

    /// Its message for MSE, in the same way.
    pub fn chunk(&self, built: impl FnOnce(usize)) -> &Chunk {
        self.chunk.get_or_init(|| {
            let track = self.info.track(self.frame.track);
            let of = |t: &Track| Chunk::build(&t.params, &self.frame, self.at, self.index, self.rtp.marked);
            let chunk = track.map_or_else(Chunk::empty, of);
            built(chunk.bytes().len());
            chunk
        })
    }

    /// Its payloads for SRTP, in the same way.
    pub fn payloads(&self, built: impl FnOnce(usize)) -> &Payloads {
        self.payloads.get_or_init(|| {
            let track = self.info.track(self.frame.track);
            let payloads =
                track.map_or_else(Payloads::empty, |t| Payloads::build(&t.params, &self.frame, self.rtp.marked));
            built(payloads.bytes());
            payloads
        })
    }
}
