//! The header of a stream as fragmented MP4: ftyp and moov (ISO/IEC 14496-12 section 8.2), one track per track of the stream,
//! its timescale the track's clock rate. It depends on the description alone, so equal streams have equal bytes.

use bytes::Bytes;
use mp4_atom::{
    Atom, Audio, Avc1, Avcc, Codec, Decode, Dinf, Dref, Edts, Elst, ElstEntry, Encode, Esds, Ftyp, Hdlr, Hvc1, Hvcc,
    Jpeg, Mdhd, Mdia, Minf, Mp4a, Mvex, Mvhd, Smhd, Stbl, Stco, Stsd, Tkhd, Trak, Trex, Twos, Url, Visual, Vmhd, esds,
};

use super::head::plain_box;
use crate::codec::{CodecParams, aac, g711};
use crate::frame::{StreamInfo, Track, TrackId};

/// Ticks per second of the moov's own times, all of which are zero.
const MOVIE_TIMESCALE: u32 = 1000;
/// Sample entries count their data references from 1; the only one is "this file".
const THIS_FILE: u16 = 1;
/// `objectTypeIndication` of MPEG-4 audio, and `streamType` of audio (ISO/IEC 14496-1 section 7.2.6.6).
const MPEG4_AUDIO: u8 = 0x40;
const AUDIO_STREAM: u8 = 5;

/// Why a stream has no header.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// No track at all.
    #[error("a stream without tracks cannot be written as MP4")]
    NoTracks,
    /// A track's parameters do not fit the boxes.
    #[error("track {track}: its parameters cannot be written as MP4: {source}")]
    Track {
        /// The track's place in the stream.
        track: u8,
        /// What does not fit.
        source: mp4_atom::Error,
    },
    /// The movie header.
    #[error("MP4 movie header: {0}")]
    Movie(mp4_atom::Error),
}

/// The header: ftyp and moov with mvex.
pub fn init(info: &StreamInfo) -> Result<Bytes, InitError> {
    init_from(info, &info.tracks.iter().map(|track| (track.id, 0)).collect::<Vec<_>>())
}

/// The header of some tracks of a stream, each of which begins for its viewer at this place of its line: an edit list makes that the
/// zero of his time (ISO/IEC 14496-12 section 8.6.6).
pub fn init_from(info: &StreamInfo, begins: &[(TrackId, u64)]) -> Result<Bytes, InitError> {
    let mut traks = Vec::with_capacity(begins.len());
    for (track, begin) in begins.iter().filter_map(|(id, begin)| Some((info.track(*id)?, *begin))) {
        let encoded = encode_trak(track, begin).map_err(|source| InitError::Track { track: track.id.0, source })?;
        traks.push(encoded);
    }
    if traks.is_empty() {
        return Err(InitError::NoTracks);
    }
    let mut out = Vec::with_capacity(1024);
    brands().encode(&mut out).map_err(InitError::Movie)?;
    let mut fixed = (Vec::new(), Vec::new());
    movie_header(info).encode(&mut fixed.0).map_err(InitError::Movie)?;
    extends(begins).encode(&mut fixed.1).map_err(InitError::Movie)?;
    plain_box(&mut out, b"moov", |out| {
        out.extend_from_slice(&fixed.0);
        traks.iter().for_each(|trak| out.extend_from_slice(trak));
        out.extend_from_slice(&fixed.1);
    });
    Ok(out.into())
}

fn brands() -> Ftyp {
    Ftyp {
        major_brand: b"iso6".into(),
        minor_version: 0,
        compatible_brands: vec![b"iso6".into(), b"isom".into(), b"mp41".into()],
    }
}

fn movie_header(info: &StreamInfo) -> Mvhd {
    Mvhd {
        timescale: MOVIE_TIMESCALE,
        rate: 1.into(),
        volume: 1.into(),
        next_track_id: info.tracks.len() as u32 + 1,
        ..Mvhd::default()
    }
}

fn extends(begins: &[(TrackId, u64)]) -> Mvex {
    let trex =
        |id: TrackId| Trex { track_id: u32::from(id.0) + 1, default_sample_description_index: 1, ..Trex::default() };
    Mvex { mehd: None, trex: begins.iter().map(|(id, _)| trex(*id)).collect() }
}

/// The library has no sample entry for G.711: it is written as another PCM entry of the same layout, whose name is then
/// replaced. Nothing from outside is in such a track's bytes, so the name stands there once.
fn encode_trak(track: &Track, begin: u64) -> mp4_atom::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(512);
    trak(track, begin)?.encode(&mut out)?;
    if let CodecParams::G711(params) = &track.params {
        let name = match params.law {
            g711::Law::A => b"alaw",
            g711::Law::Mu => b"ulaw",
        };
        let written: &[u8] = Twos::KIND.as_ref();
        let at = out.windows(written.len()).position(|w| w == written);
        if let Some(place) = at.and_then(|at| out.get_mut(at..at + name.len())) {
            place.copy_from_slice(name);
        }
    }
    Ok(out)
}

/// One edit that goes on for ever, from this place on.
fn edits(begin: u64) -> Edts {
    let entry = ElstEntry { segment_duration: 0, media_time: Some(begin), media_rate: 1.into() };
    Edts { elst: Some(Elst { entries: vec![entry] }) }
}

fn trak(track: &Track, begin: u64) -> mp4_atom::Result<Trak> {
    let video = track.params.is_video();
    let (width, height) = dimensions(track);
    let (handler, name) = if video { (b"vide", "video") } else { (b"soun", "sound") };
    Ok(Trak {
        tkhd: Tkhd {
            track_id: u32::from(track.id.0) + 1,
            enabled: true,
            in_movie: true,
            volume: u8::from(!video).into(),
            width: width.into(),
            height: height.into(),
            ..Tkhd::default()
        },
        edts: (begin > 0).then(|| edits(begin)),
        mdia: Mdia {
            mdhd: Mdhd { timescale: track.clock_rate, language: "und".into(), ..Mdhd::default() },
            hdlr: Hdlr { handler: handler.into(), name: name.into() },
            minf: Minf {
                vmhd: video.then(Vmhd::default),
                smhd: (!video).then(Smhd::default),
                dinf: Dinf { dref: Dref { entries: vec![Url { location: String::new() }.into()] } },
                stbl: Stbl {
                    stsd: Stsd { codecs: vec![sample_entry(track)?] },
                    stco: Some(Stco::default()),
                    ..Stbl::default()
                },
                ..Minf::default()
            },
        },
        ..Trak::default()
    })
}

fn sample_entry(track: &Track) -> mp4_atom::Result<Codec> {
    Ok(match &track.params {
        CodecParams::H264(p) => {
            Avc1 { visual: visual(track), avcc: configuration::<Avcc>(b"avcC", &p.avcc())?, ..Avc1::default() }.into()
        }
        CodecParams::H265(p) => {
            Hvc1 { visual: visual(track), hvcc: configuration::<Hvcc>(b"hvcC", &p.hvcc())?, ..Hvc1::default() }.into()
        }
        CodecParams::Mjpeg(_) => Jpeg { visual: visual(track), ..Jpeg::default() }.into(),
        CodecParams::Aac(p) => {
            Mp4a { audio: audio(p.channels, p.sample_rate), esds: esds(p), btrt: None, taic: None }.into()
        }
        CodecParams::G711(p) => {
            Twos { audio: audio(p.channels, p.sample_rate), pcmc: None, chnl: None, btrt: None }.into()
        }
    })
}

/// A decoder configuration record, read into the library's form of its box.
fn configuration<B: Atom>(kind: &[u8; 4], record: &[u8]) -> mp4_atom::Result<B> {
    let mut bytes = Vec::with_capacity(record.len() + 8);
    plain_box(&mut bytes, kind, |out| out.extend_from_slice(record));
    B::decode(&mut bytes.as_slice())
}

fn dimensions(track: &Track) -> (u16, u16) {
    let (width, height) = track.params.dimensions().unwrap_or((0, 0));
    (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(height).unwrap_or(u16::MAX))
}

fn visual(track: &Track) -> Visual {
    let (width, height) = dimensions(track);
    Visual { data_reference_index: THIS_FILE, width, height, ..Visual::default() }
}

/// A rate that does not fit 16 bits is written as 0: the configuration says it.
fn audio(channels: u16, sample_rate: u32) -> Audio {
    let sample_rate = u16::try_from(sample_rate).unwrap_or(0).into();
    Audio { data_reference_index: THIS_FILE, channel_count: channels, sample_size: 16, sample_rate }
}

fn esds(params: &aac::Params) -> Esds {
    let dec_specific = Some(esds::DecoderSpecific { raw: params.config.to_vec(), ..Default::default() });
    let dec_config = esds::DecoderConfig {
        object_type_indication: MPEG4_AUDIO,
        stream_type: AUDIO_STREAM,
        dec_specific,
        ..Default::default()
    };
    Esds { es_desc: esds::EsDescriptor { dec_config, ..Default::default() } }
}
