//! Reading an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1): object type, rates, channels, frame length.

use bytes::Bytes;

use super::Params;
use crate::codec::ParamsError;
use crate::codec::bits::{Bits, BitsError};

/// Longest configuration: a program config element with comments stays below.
const CONFIG_BYTES_MAX: usize = 512;

/// Table 1.18.
const SAMPLE_RATES: [u32; 13] =
    [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

/// Table 1.19; 0 where the channels are not in this field.
const CHANNELS: [u16; 16] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 0, 8, 0];

/// Object types that stand for band replication, with and without parametric stereo.
const SBR: u8 = 5;
const PS: u8 = 29;

impl Params {
    /// Reads a configuration. `channels` are those of the SDP, for a configuration that leaves them to a program config
    /// element.
    pub fn parse(config: &[u8], channels: Option<u16>) -> Result<Self, ParamsError> {
        if config.len() > CONFIG_BYTES_MAX {
            let (what, bytes) = ("AudioSpecificConfig", config.len());
            return Err(ParamsError::TooLarge { what, bytes, max: CONFIG_BYTES_MAX });
        }
        let read = read(config).map_err(|source| ParamsError::Bits { what: "AudioSpecificConfig", source })?;
        let out_of_range = |field| ParamsError::OutOfRange { what: "AudioSpecificConfig", field };
        let ratio = read.sample_rate.checked_div(read.core_rate).ok_or(out_of_range("samplingFrequency"))?;
        if !(1..=2).contains(&ratio) || read.sample_rate > 192_000 {
            return Err(out_of_range("samplingFrequency"));
        }
        let channels = match read.channels {
            0 => channels.filter(|c| (1..=8).contains(c)).ok_or(out_of_range("channelConfiguration"))?,
            channels => channels,
        };
        Ok(Self {
            config: Bytes::copy_from_slice(config),
            sample_rate: read.sample_rate,
            channels,
            object_type: read.object_type,
            unit_samples: read.frame_samples * ratio as u16,
        })
    }
}

struct Read {
    object_type: u8,
    core_rate: u32,
    sample_rate: u32,
    channels: u16,
    frame_samples: u16,
}

fn read(config: &[u8]) -> Result<Read, BitsError> {
    let mut bits = Bits::new(config);
    let object_type = object_type(&mut bits)?;
    let core_rate = sample_rate(&mut bits)?;
    let channels = CHANNELS.get(bits.u(4)? as usize).copied().unwrap_or(0);
    let (core_type, output_rate) = if matches!(object_type, SBR | PS) {
        let output_rate = sample_rate(&mut bits)?;
        (self::object_type(&mut bits)?, output_rate)
    } else {
        (object_type, core_rate)
    };
    let short = bits.flag()?;
    // Low delay types have half the length (section 4.4.1).
    let frame_samples = match (core_type, short) {
        (23 | 39, false) => 512,
        (23 | 39, true) => 480,
        (_, false) => 1024,
        (_, true) => 960,
    };
    Ok(Read { object_type, core_rate, sample_rate: output_rate, channels, frame_samples })
}

fn object_type(bits: &mut Bits<'_>) -> Result<u8, BitsError> {
    const ESCAPE: u8 = 31;
    match bits.byte(5)? {
        ESCAPE => Ok(32 + bits.byte(6)?),
        plain => Ok(plain),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Result<u32, BitsError> {
    const ESCAPE: u32 = 15;
    match bits.u(4)? {
        ESCAPE => bits.u(24),
        // Indexes 13 and 14 are reserved; a rate of 0 is refused above.
        index => Ok(SAMPLE_RATES.get(index as usize).copied().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read() {
        let lc = Params::parse(&[0x11, 0x90], None).unwrap();
        assert_eq!((lc.object_type, lc.sample_rate, lc.channels, lc.unit_samples), (2, 48000, 2, 1024));
        let mono = Params::parse(&[0x15, 0x88], None).unwrap();
        assert_eq!((mono.object_type, mono.sample_rate, mono.channels), (2, 8000, 1));
        // Explicit SBR: type 5, core 24000 (6), 2 channels, output 48000 (3), core type 2.
        let he = Params::parse(&[0x2b, 0x11, 0x88, 0x00], None).unwrap();
        assert_eq!((he.object_type, he.sample_rate, he.channels, he.unit_samples), (5, 48000, 2, 2048));
        assert_eq!(he.unit_ticks(48000), 2048);
        assert_eq!(he.unit_ticks(24000), 1024);
    }

    #[test]
    fn configurations_that_lie_are_refused() {
        assert!(Params::parse(&[], None).is_err());
        assert!(Params::parse(&[0x11], None).is_err());
        assert!(Params::parse(&[0x16, 0x90], None).is_err(), "reserved rate 13");
        assert!(Params::parse(&[0x11, 0x80], None).is_err(), "no channels anywhere");
        assert_eq!(Params::parse(&[0x11, 0x80], Some(2)).unwrap().channels, 2);
        assert!(Params::parse(&[0x11; 513], None).is_err());
    }
}
