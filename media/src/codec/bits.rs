//! A reader of bits and exp-Golomb codes (ITU-T H.264 sections 7.2 and 9.1, the same in H.265) over a parameter set whose
//! emulation prevention has been taken out. It never reads past the end and never panics.

/// Where and why a bit could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BitsError {
    /// The data ends first.
    #[error("ends at bit {at}, inside a field")]
    End {
        /// Bit position, from 0.
        at: usize,
    },
    /// An exp-Golomb code of more than 32 bits.
    #[error("exp-Golomb code too long at bit {at}")]
    Golomb {
        /// Bit position, from 0.
        at: usize,
    },
}

/// The payload of a NAL unit without its `emulation_prevention_three_byte`s (section 7.4.1.1).
pub(super) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn flag(&mut self) -> Result<bool, BitsError> {
        let byte = self.bytes.get(self.at / 8).ok_or(BitsError::End { at: self.at })?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// `count` bits, at most 32, most significant first.
    pub(super) fn u(&mut self, count: u32) -> Result<u32, BitsError> {
        debug_assert!(count <= 32, "callers ask for at most 32 bits");
        let mut value = 0u32;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// Up to 8 bits as a byte.
    pub(super) fn byte(&mut self, count: u32) -> Result<u8, BitsError> {
        debug_assert!(count <= 8, "callers ask for at most 8 bits");
        Ok((self.u(count)? & 0xff) as u8)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), BitsError> {
        let end = self.at.saturating_add(count);
        if end > self.bytes.len().saturating_mul(8) {
            return Err(BitsError::End { at: self.at });
        }
        self.at = end;
        Ok(())
    }

    /// Unsigned exp-Golomb.
    pub(super) fn ue(&mut self) -> Result<u32, BitsError> {
        let start = self.at;
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(BitsError::Golomb { at: start });
            }
        }
        // At most 31 leading zeros: (2^31 - 1) + (2^31 - 1) fits.
        Ok((1u32 << zeros) - 1 + self.u(zeros)?)
    }

    /// Signed exp-Golomb.
    pub(super) fn se(&mut self) -> Result<i64, BitsError> {
        let code = i64::from(self.ue()?);
        Ok(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_codes_are_those_of_table_9_2() {
        // 1 | 010 | 011 | 00100 | 00111 | pad
        let bytes = [0b1010_0110, 0b0100_0011, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        assert_eq!([(); 5].map(|()| bits.ue().unwrap()), [0, 1, 2, 3, 6]);
        let mut bits = Bits::new(&bytes);
        assert_eq!([(); 5].map(|()| bits.se().unwrap()), [0, 1, -1, 2, -3]);
    }

    #[test]
    fn the_end_and_endless_zeros_are_errors() {
        assert_eq!(Bits::new(&[0; 3]).ue(), Err(BitsError::End { at: 24 }));
        assert_eq!(Bits::new(&[0; 9]).ue(), Err(BitsError::Golomb { at: 0 }));
        assert_eq!(Bits::new(&[0, 0, 0, 1, 255, 255, 255, 255]).ue(), Ok(u32::MAX - 1));
        assert_eq!(Bits::new(&[1]).u(9), Err(BitsError::End { at: 8 }));
        assert_eq!(Bits::new(&[1]).skip(9), Err(BitsError::End { at: 0 }));
    }

    #[test]
    fn emulation_prevention_goes_and_nothing_else() {
        assert_eq!(unescape(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(unescape(&[3, 0, 3, 0, 0, 4]), [3, 0, 3, 0, 0, 4]);
    }
}
