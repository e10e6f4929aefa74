//! From piece to piece of a stream over TCP, whole or not: RTP packets behind interleaved headers, or fragments in WebSocket messages.
//! What is in them is passed over.

/// Where a viewer is in his stream.
pub(crate) struct Walk {
    head: Head,
    look: Vec<u8>,
    missing: usize,
    /// The piece that is passed over is one of media.
    is_media: bool,
    sequence: Option<u16>,
    /// Packets that were missing.
    pub(crate) lost: u64,
}

/// What stands before each piece.
#[derive(Clone, Copy)]
enum Head {
    /// `$`, channel, length (RFC 2326 section 10.12), and RTP up to its sequence number.
    Packet,
    /// A frame's header without a mask (RFC 6455 section 5.2).
    Fragment,
}

impl Walk {
    pub(crate) fn packets() -> Self {
        Self::over(Head::Packet)
    }

    pub(crate) fn fragments() -> Self {
        Self::over(Head::Fragment)
    }

    fn over(head: Head) -> Self {
        Self { head, look: Vec::new(), missing: 0, is_media: false, sequence: None, lost: 0 }
    }

    /// Goes over these bytes; true where some of them were of media. An answer of an RTSP server's cannot stand between packets:
    /// nothing is asked after PLAY.
    pub(crate) fn on(&mut self, mut bytes: &[u8]) -> bool {
        let mut media = false;
        while let Some((first, rest)) = bytes.split_first() {
            if self.missing > 0 {
                let here = self.missing.min(bytes.len());
                self.missing -= here;
                media |= self.is_media;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            self.look.push(*first);
            bytes = rest;
            let begun = match self.head {
                Head::Packet => self.packet(),
                Head::Fragment => self.fragment(),
            };
            if begun {
                self.look.clear();
                media |= self.is_media;
            }
        }
        media
    }

    fn packet(&mut self) -> bool {
        let &[_, channel, high, low, _, _, first, second] = self.look.as_slice() else { return false };
        self.missing = usize::from(u16::from_be_bytes([high, low])) + 4 - self.look.len();
        self.is_media = channel == 0;
        if self.is_media {
            self.count(u16::from_be_bytes([first, second]));
        }
        true
    }

    fn fragment(&mut self) -> bool {
        let length = match *self.look.as_slice() {
            [_, short @ 0..=125] => u64::from(short),
            [_, 126, high, low] => u64::from(u16::from_be_bytes([high, low])),
            [_, 127, a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => return false,
        };
        self.missing = usize::try_from(length).unwrap_or(usize::MAX);
        self.is_media = matches!(self.look.first(), Some(first) if first & 0x0f == 2);
        true
    }

    fn count(&mut self, sequence: u16) {
        let missing = self.sequence.map_or(0, |last| sequence.wrapping_sub(last).wrapping_sub(1));
        self.lost += u64::from(missing);
        self.sequence = Some(sequence);
    }
}
