//! The samples of a fragmented MP4 (ISO/IEC 14496-12 section 8.8): `moof` after `moof`.

use bytes::Bytes;
use mp4_atom::{Moof, Moov, Tfhd, Traf, Trex};

use super::tables::slice;
use super::tracks::{Raw, Source};
use super::{ClipError, SAMPLES_MAX};

/// `sample_is_non_sync_sample` in a sample's flags (ISO/IEC 14496-12 section 8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// Appends the fragments' samples to their tracks. `moofs` come with their offset in the file.
pub(super) fn read(
    file: &Bytes,
    moov: &Moov,
    moofs: &[(usize, Moof)],
    sources: &mut [Source<'_>],
) -> Result<(), ClipError> {
    let no_defaults = Trex::default();
    for (at, moof) in moofs {
        for traf in &moof.traf {
            let Some(source) = sources.iter_mut().find(|s| s.number == traf.tfhd.track_id) else { continue };
            let trex = moov.mvex.iter().flat_map(|m| &m.trex).find(|t| t.track_id == source.number);
            read_track(file, *at as u64, traf, trex.unwrap_or(&no_defaults), source)?;
        }
    }
    Ok(())
}

fn read_track(file: &Bytes, moof_at: u64, traf: &Traf, trex: &Trex, source: &mut Source<'_>) -> Result<(), ClipError> {
    let fault = |what| ClipError::Table { track: traf.tfhd.track_id, what };
    let base = traf.tfhd.base_data_offset.unwrap_or(moof_at);
    let follow = source.samples.last().map_or(0, |s| s.dts.saturating_add(i64::from(s.duration)));
    let stated = traf.tfdt.as_ref().map(|t| i64::try_from(t.base_media_decode_time));
    let mut dts = stated.unwrap_or(Ok(follow)).map_err(|_| fault("decode time is out of range"))?;
    let mut at = base;
    let defaults = Defaults::new(&traf.tfhd, trex);
    for run in &traf.trun {
        if let Some(offset) = run.data_offset {
            at = base.checked_add_signed(i64::from(offset)).ok_or(fault("data offset is out of range"))?;
        }
        if source.samples.len().saturating_add(run.samples.len()) > SAMPLES_MAX.max(file.len()) {
            return Err(ClipError::TooManySamples);
        }
        for entry in run.samples.iter() {
            let bytes = u64::from(entry.size.unwrap_or(defaults.size));
            let end = at.checked_add(bytes).ok_or(fault("a sample lies beyond the end of the clip"))?;
            let payload = slice(file, at, end).ok_or(fault("a sample lies beyond the end of the clip"))?;
            let duration = entry.duration.unwrap_or(defaults.duration);
            let sync = entry.flags.unwrap_or(defaults.flags) & NON_SYNC == 0;
            source.samples.push(Raw { dts, offset: entry.cts.unwrap_or(0), duration, sync, payload });
            dts = dts.saturating_add(i64::from(duration));
            at = end;
        }
    }
    Ok(())
}

struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

impl Defaults {
    fn new(tfhd: &Tfhd, trex: &Trex) -> Self {
        Self {
            duration: tfhd.default_sample_duration.unwrap_or(trex.default_sample_duration),
            size: tfhd.default_sample_size.unwrap_or(trex.default_sample_size),
            flags: tfhd.default_sample_flags.unwrap_or(trex.default_sample_flags),
        }
    }
}
