//! A clip's tracks: which codec, with which parameters, at which clock rate.

use bytes::Bytes;
use mp4_atom::{Codec, Hvcc, Moov, Stbl, Trak};

use super::{ClipError, Sample, VIDEO_CLOCK_RATE};
use crate::codec::{CodecParams, aac, g711, h264, h265};
use crate::frame::{Track, TrackId};

/// Bytes of an `AudioSampleEntry` behind its box header (ISO/IEC 14496-12 section 12.2.3).
const AUDIO_ENTRY_BYTES: usize = 28;

/// G.711 is cut into packets of this many milliseconds, as cameras do.
const G711_PACKET_MS: u32 = 20;

/// A track on its way from tables to samples. Times are in the file's timescale.
pub(super) struct Source<'a> {
    pub(super) number: u32,
    pub(super) timescale: u32,
    pub(super) params: CodecParams,
    pub(super) tables: &'a Stbl,
    pub(super) samples: Vec<Raw>,
}

/// A sample in the file's timescale.
pub(super) struct Raw {
    pub(super) dts: i64,
    pub(super) offset: i64,
    pub(super) duration: u32,
    pub(super) sync: bool,
    pub(super) payload: Bytes,
}

/// The tracks whose codec is known.
pub(super) fn sources(moov: &Moov) -> Result<Vec<Source<'_>>, ClipError> {
    let mut sources = Vec::new();
    for trak in &moov.trak {
        let number = trak.tkhd.track_id;
        let Some(params) = params(trak)? else { continue };
        let timescale = trak.mdia.mdhd.timescale;
        if timescale == 0 {
            return Err(ClipError::Table { track: number, what: "timescale is 0" });
        }
        sources.push(Source { number, timescale, params, tables: &trak.mdia.minf.stbl, samples: Vec::new() });
    }
    Ok(sources)
}

/// What a track's sample entry says of its codec; none where that is not one of ours.
pub(crate) fn params(trak: &Trak) -> Result<Option<CodecParams>, ClipError> {
    let track = trak.tkhd.track_id;
    let fault = |source| ClipError::Params { track, source };
    let lengths = |size: u8| match size {
        4 => Ok(()),
        _ => Err(ClipError::Table { track, what: "NAL unit lengths are not 4 bytes long" }),
    };
    Ok(match trak.mdia.minf.stbl.stsd.codecs.first() {
        Some(Codec::Avc1(entry)) => {
            lengths(entry.avcc.length_size)?;
            let sets = entry.avcc.sequence_parameter_sets.iter().chain(&entry.avcc.picture_parameter_sets);
            Some(CodecParams::H264(h264::Params::from_sets(sets.map(Vec::as_slice)).map_err(fault)?))
        }
        Some(Codec::Hvc1(entry)) => Some(CodecParams::H265(h265_params(track, &entry.hvcc)?)),
        Some(Codec::Hev1(entry)) => Some(CodecParams::H265(h265_params(track, &entry.hvcc)?)),
        Some(Codec::Mp4a(entry)) => match &entry.esds.es_desc.dec_config.dec_specific {
            Some(specific) => Some(CodecParams::Aac(aac::Params::parse(&specific.raw, None).map_err(fault)?)),
            None => None,
        },
        Some(Codec::Unknown(kind, body)) => g711_params(&kind.to_string(), body).map(CodecParams::G711),
        _ => None,
    })
}

fn h265_params(track: u32, hvcc: &Hvcc) -> Result<h265::Params, ClipError> {
    if hvcc.length_size_minus_one != 3 {
        return Err(ClipError::Table { track, what: "NAL unit lengths are not 4 bytes long" });
    }
    let sets = hvcc.arrays.iter().flat_map(|a| &a.nalus).map(Vec::as_slice);
    h265::Params::from_sets(sets).map_err(|source| ClipError::Params { track, source })
}

/// The MP4 library has no `alaw` and `ulaw`: the fields are read from the entry's own bytes.
fn g711_params(kind: &str, entry: &[u8]) -> Option<g711::Params> {
    let law = match kind {
        "alaw" => g711::Law::A,
        "ulaw" => g711::Law::Mu,
        _ => return None,
    };
    let entry: &[u8; AUDIO_ENTRY_BYTES] = entry.first_chunk()?;
    let channels = u16::from_be_bytes([entry[16], entry[17]]);
    let sample_rate = u32::from(u16::from_be_bytes([entry[24], entry[25]]));
    let sane = (1..=g711::CHANNELS_MAX).contains(&channels) && sample_rate > 0;
    sane.then_some(g711::Params { law, channels, sample_rate })
}

impl Source<'_> {
    /// Samples in the clock rate that RTP uses for the codec.
    pub(super) fn finish(self, id: TrackId) -> (Track, Vec<Sample>) {
        let clock_rate = self.params.sample_rate().unwrap_or(VIDEO_CLOCK_RATE);
        let samples = match &self.params {
            CodecParams::G711(params) => g711_packets(id, params, &self.samples),
            _ => self.rescaled(id, clock_rate),
        };
        (Track { id, clock_rate, params: self.params }, samples)
    }

    fn rescaled(&self, id: TrackId, clock_rate: u32) -> Vec<Sample> {
        let scale = |ticks: i64| {
            let scaled = i128::from(ticks) * i128::from(clock_rate) / i128::from(self.timescale);
            scaled.clamp(i128::from(i64::MIN >> 1), i128::from(i64::MAX >> 1)) as i64
        };
        let samples = self.samples.iter().map(|raw| {
            let (dts, end) = (scale(raw.dts), scale(raw.dts.saturating_add(i64::from(raw.duration))));
            Sample {
                track: id,
                dts,
                pts: scale(raw.dts.saturating_add(raw.offset)),
                duration: u32::try_from(end - dts).unwrap_or(0),
                keyframe: raw.sync && self.params.is_video(),
                payload: raw.payload.clone(),
            }
        });
        samples.collect()
    }
}

/// Files count every G.711 sample alone or in packets of any size: joined and cut anew.
fn g711_packets(id: TrackId, params: &g711::Params, samples: &[Raw]) -> Vec<Sample> {
    let joined: Bytes = samples.iter().flat_map(|s| s.payload.iter().copied()).collect();
    let channels = usize::from(params.channels);
    let duration = (params.sample_rate * G711_PACKET_MS / 1_000).max(1);
    let bytes = duration as usize * channels;
    let packets = (0..joined.len() / bytes).map(|i| {
        let dts = i as i64 * i64::from(duration);
        let payload = joined.slice(i * bytes..(i + 1) * bytes);
        Sample { track: id, dts, pts: dts, duration, keyframe: false, payload }
    });
    packets.collect()
}
