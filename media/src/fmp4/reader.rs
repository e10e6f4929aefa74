//! Reads a segment file's structure: its header, where each fragment lies, and where the valid part ends. Bounded in memory
//! and work whatever the bytes say; it asks for headers only, so a scan does not touch the media itself.

use bytes::Bytes;
use mp4_atom::{Codec, Decode, Moof, Moov, Traf};

use super::boxes::Header;
use super::note::{NOTE_BYTES, Note};
use super::{micros, wall_from_ntp};
use crate::mark::Carrier;
use crate::wall::Wall;

/// Bytes asked for at each box: a header, and most moofs whole.
const WINDOW_BYTES: usize = 4096;
/// Largest moov taken: 16 tracks with every parameter set at its limit are far below.
pub const MOOV_BYTES_MAX: u64 = 1 << 20;
/// Largest moof taken: 2048 samples take 32 KiB.
pub const MOOF_BYTES_MAX: u64 = 1 << 20;
/// Most fragments taken from one file: a day of 1 s fragments.
pub const FRAGMENTS_MAX: usize = 100_000;
/// Most top-level boxes looked at in one file.
const BOXES_MAX: usize = 4 * FRAGMENTS_MAX;
/// Most samples taken in one run; a run without a table could claim 2^32 of them.
const RUN_SAMPLES_MAX: usize = 1 << 16;
/// `sample_is_non_sync_sample` (ISO/IEC 14496-12 section 8.8.3.1).
pub(super) const NON_SYNC: u32 = 0x0001_0000;

/// A track as the moov describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackHeader {
    /// Track id, from 1.
    pub id: u32,
    /// Ticks per second.
    pub timescale: u32,
    /// Video, as opposed to audio.
    pub video: bool,
    /// How its samples carry a mark, where they can.
    pub carrier: Option<Carrier>,
}

/// One track's part of a fragment, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackSpan {
    /// Track id.
    pub track: u32,
    /// Decode time of its first sample.
    pub decode_time: u64,
    /// Sum of its samples' durations.
    pub duration: u64,
    /// Sum of its samples' sizes.
    pub bytes: u64,
    /// Number of samples.
    pub samples: usize,
}

/// A whole fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentAt {
    /// Where it begins in the file, at its prft.
    pub offset: u64,
    /// From there to the end of its mdat.
    pub bytes: u64,
    /// When its first sample was captured; none where it has no prft.
    pub start: Option<Wall>,
    /// Media time of its first track.
    pub duration_micros: i64,
    /// A decoder can begin here.
    pub keyframe: bool,
    /// Its tracks, in file order.
    pub tracks: Vec<TrackSpan>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// ftyp and moov, as they stand in the file.
    pub init: Bytes,
    /// The tracks of the moov.
    pub tracks: Vec<TrackHeader>,
    /// What the file says of itself, where it says so.
    pub note: Option<Note>,
    /// The whole fragments, in file order.
    pub fragments: Vec<FragmentAt>,
    /// Everything from here on is torn or foreign; equal to the file's length where nothing is.
    pub valid_bytes: u64,
    /// What stands at `valid_bytes`, where that is not the end.
    pub torn: Option<&'static str>,
}

/// Why a file is no segment at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError<E> {
    /// It could not be read.
    #[error("{0}")]
    Read(E),
    /// It has no byte.
    #[error("the file is empty")]
    Empty,
    /// Its first bytes are zero.
    #[error("the file begins with zeros")]
    Zeroed,
    /// It does not begin as MP4.
    #[error("the file does not begin with an MP4 file type box")]
    NotMp4,
    /// Its moov is missing, torn, too large or not understood.
    #[error("the file has no readable movie header: {0}")]
    NoMoov(&'static str),
}

/// Scans a file of `file_bytes` bytes. `read(offset, length)` gives the bytes from there on; fewer only at the file's end.
pub fn scan<E>(file_bytes: u64, read: impl FnMut(u64, usize) -> Result<Bytes, E>) -> Result<Scan, ScanError<E>> {
    let mut reader = Reader { file_bytes, read };
    let (init, tracks) = reader.init()?;
    let mut scan = Scan { valid_bytes: init.len() as u64, init, tracks, note: None, fragments: Vec::new(), torn: None };
    reader.body(&mut scan)?;
    Ok(scan)
}

/// [`scan`] of bytes in memory.
pub fn scan_bytes(bytes: &Bytes) -> Result<Scan, ScanError<std::convert::Infallible>> {
    scan(bytes.len() as u64, |offset, length| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes.slice(from..from.saturating_add(length).min(bytes.len())))
    })
}

struct Reader<R> {
    file_bytes: u64,
    read: R,
}

/// A top-level box and the bytes at hand from its beginning on.
struct Top {
    header: Header,
    window: Bytes,
}

impl<E, R: FnMut(u64, usize) -> Result<Bytes, E>> Reader<R> {
    fn read(&mut self, offset: u64, length: usize) -> Result<Bytes, ScanError<E>> {
        (self.read)(offset, length).map_err(ScanError::Read)
    }

    /// The box at `at`, or what is wrong with it.
    fn top(&mut self, at: u64) -> Result<Result<Top, &'static str>, ScanError<E>> {
        let window = self.read(at, WINDOW_BYTES)?;
        let Some(header) = Header::parse(&window) else {
            let zeros = window.iter().take(8).all(|b| *b == 0);
            return Ok(Err(if zeros { "zeros" } else { "no box" }));
        };
        let fits = at.checked_add(header.bytes).is_some_and(|end| end <= self.file_bytes);
        Ok(if fits { Ok(Top { header, window }) } else { Err("a box that is cut off") })
    }

    /// The box's bytes, header included, where it is no longer than `max`.
    fn whole(&mut self, at: u64, top: &Top, max: u64) -> Result<Option<Bytes>, ScanError<E>> {
        if top.header.bytes > max {
            return Ok(None);
        }
        let length = top.header.bytes as usize;
        let bytes = if length <= top.window.len() { top.window.slice(..length) } else { self.read(at, length)? };
        Ok((bytes.len() == length).then_some(bytes))
    }

    /// ftyp, then moov.
    fn init(&mut self) -> Result<(Bytes, Vec<TrackHeader>), ScanError<E>> {
        if self.file_bytes == 0 {
            return Err(ScanError::Empty);
        }
        let ftyp = match self.top(0)? {
            Ok(top) if &top.header.kind == b"ftyp" => top,
            Err("zeros") => return Err(ScanError::Zeroed),
            _ => return Err(ScanError::NotMp4),
        };
        let at = ftyp.header.bytes;
        if at > WINDOW_BYTES as u64 {
            return Err(ScanError::NotMp4);
        }
        let top = self.top(at)?.map_err(ScanError::NoMoov)?;
        if &top.header.kind != b"moov" {
            return Err(ScanError::NoMoov("another box stands there"));
        }
        let moov = self.whole(at, &top, MOOV_BYTES_MAX)?.ok_or(ScanError::NoMoov("it is too large"))?;
        let tracks = track_headers(&moov).ok_or(ScanError::NoMoov("it is not understood"))?;
        Ok((self.read(0, at as usize + moov.len())?, tracks))
    }

    /// All boxes behind the moov, up to the first that is damaged.
    fn body(&mut self, scan: &mut Scan) -> Result<(), ScanError<E>> {
        let (mut at, mut fragment) = (scan.valid_bytes, Half::default());
        for _ in 0..BOXES_MAX {
            if at == self.file_bytes && fragment.offset.is_none() {
                return Ok(());
            }
            let top = match self.top(at)? {
                Ok(top) => top,
                Err(why) => {
                    scan.torn = Some(why);
                    return Ok(());
                }
            };
            let end = at + top.header.bytes;
            let taken = match &top.header.kind {
                b"uuid" => self.note(at, &top, scan)?,
                b"prft" => fragment.prft(at, &top),
                b"moof" => self.moof(at, &top, &mut fragment)?,
                b"mdat" => fragment.finish(at, &top.header, scan),
                _ => Ok(()),
            };
            if let Err(why) = taken {
                scan.torn = Some(why);
                return Ok(());
            }
            at = end;
            if fragment.offset.is_none() {
                scan.valid_bytes = at;
            }
            if scan.fragments.len() >= FRAGMENTS_MAX {
                break;
            }
        }
        scan.torn = (at != self.file_bytes).then_some("more boxes than a segment has");
        Ok(())
    }

    fn note(&mut self, at: u64, top: &Top, scan: &mut Scan) -> Result<Result<(), &'static str>, ScanError<E>> {
        if let (None, Some(bytes)) = (scan.note, self.whole(at, top, NOTE_BYTES as u64)?) {
            scan.note = bytes.get(top.header.header_bytes as usize..).and_then(Note::decode);
        }
        Ok(Ok(()))
    }

    fn moof(&mut self, at: u64, top: &Top, half: &mut Half) -> Result<Result<(), &'static str>, ScanError<E>> {
        if half.moof.is_some() {
            return Ok(Err("a moof without its mdat"));
        }
        let Some(bytes) = self.whole(at, top, MOOF_BYTES_MAX)? else { return Ok(Err("a moof that is too large")) };
        let Ok(moof) = Moof::decode(&mut bytes.as_ref()) else { return Ok(Err("a moof that is not understood")) };
        half.offset.get_or_insert(at);
        half.moof = Some((at, moof));
        Ok(Ok(()))
    }
}

/// A fragment whose mdat has not come yet.
#[derive(Default)]
struct Half {
    offset: Option<u64>,
    start: Option<Wall>,
    moof: Option<(u64, Moof)>,
}

impl Half {
    fn prft(&mut self, at: u64, top: &Top) -> Result<(), &'static str> {
        if self.offset.is_some() {
            return Err("a prft inside a fragment");
        }
        let ntp = top.window.get(top.header.header_bytes as usize + 8..).and_then(|b| b.first_chunk::<8>());
        self.start = ntp.map(|b| wall_from_ntp(u64::from_be_bytes(*b)));
        self.offset = Some(at);
        Ok(())
    }

    fn finish(&mut self, at: u64, mdat: &Header, scan: &mut Scan) -> Result<(), &'static str> {
        let (offset, start) = (self.offset.take(), self.start.take());
        let (Some(offset), Some((moof_at, moof))) = (offset, self.moof.take()) else {
            return Err("an mdat without its moof");
        };
        let data = at + mdat.header_bytes..at + mdat.bytes;
        let spans: Option<Vec<TrackSpan>> =
            moof.traf.iter().map(|traf| span(traf, moof_at, &data, &scan.tracks)).collect();
        let tracks = spans.ok_or("a fragment whose samples are not where it says")?;
        let lead = tracks.first().ok_or("a fragment without a track")?;
        let header = scan.tracks.iter().find(|t| t.id == lead.track).ok_or("a fragment of an unknown track")?;
        let sync = moof.traf.first().and_then(|t| t.trun.first()?.samples.get(0)?.flags);
        let keyframe =
            sync.is_some_and(|f| f & NON_SYNC == 0) && (header.video || !scan.tracks.iter().any(|t| t.video));
        let ticks = i64::try_from(lead.duration).unwrap_or(i64::MAX);
        let duration_micros = micros(ticks, header.timescale);
        scan.fragments.push(FragmentAt {
            offset,
            bytes: at + mdat.bytes - offset,
            start,
            duration_micros,
            keyframe,
            tracks,
        });
        Ok(())
    }
}

/// One traf, if all its samples lie in `data` and its track is known.
fn span(traf: &Traf, moof_at: u64, data: &std::ops::Range<u64>, known: &[TrackHeader]) -> Option<TrackSpan> {
    let track = traf.tfhd.track_id;
    known.iter().find(|t| t.id == track)?;
    let decode_time = traf.tfdt.as_ref()?.base_media_decode_time;
    let mut span = TrackSpan { track, decode_time, duration: 0, bytes: 0, samples: 0 };
    for run in &traf.trun {
        if run.samples.len() > RUN_SAMPLES_MAX {
            return None;
        }
        let begin = moof_at.checked_add_signed(i64::from(run.data_offset?))?;
        let mut end = begin;
        for sample in run.samples.iter() {
            let size = sample.size.or(traf.tfhd.default_sample_size)?;
            end = end.checked_add(u64::from(size))?;
            span.duration += u64::from(sample.duration.or(traf.tfhd.default_sample_duration).unwrap_or(0));
            span.samples += 1;
            if end > data.end {
                return None;
            }
        }
        if begin < data.start {
            return None;
        }
        span.bytes += end - begin;
    }
    Some(span)
}

fn track_headers(moov: &Bytes) -> Option<Vec<TrackHeader>> {
    let moov = Moov::decode(&mut moov.as_ref()).ok()?;
    let header = |trak: &mp4_atom::Trak| TrackHeader {
        id: trak.tkhd.track_id,
        timescale: trak.mdia.mdhd.timescale,
        video: trak.mdia.hdlr.handler == b"vide".into(),
        carrier: carrier(&trak.mdia.minf.stbl.stsd.codecs),
    };
    let tracks: Vec<TrackHeader> = moov.trak.iter().map(header).collect();
    (!tracks.is_empty()).then_some(tracks)
}

/// A mark is a NAL unit behind a length of 4 bytes: samples with shorter ones carry none, nor does a track of several kinds.
fn carrier(entries: &[Codec]) -> Option<Carrier> {
    match entries {
        [Codec::Avc1(entry)] if entry.avcc.length_size == 4 => Some(Carrier::H264),
        [Codec::Avc3(entry)] if entry.avcc.length_size == 4 => Some(Carrier::H264),
        [Codec::Hvc1(entry)] if entry.hvcc.length_size_minus_one == 3 => Some(Carrier::H265),
        [Codec::Hev1(entry)] if entry.hvcc.length_size_minus_one == 3 => Some(Carrier::H265),
        [Codec::Jpeg(_)] => Some(Carrier::Jpeg),
        _ => None,
    }
}
