//! Sender reports (RFC 3550 section 6.4): what left for a viewer, and which instant a track's timestamps mean, so that it
//! can keep sound and picture together.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use media::frame::TrackId;
use media::hub::Published;
use media::rtp;
use media::rtsp::rtcp_channel;
use media::wall::Wall;

/// RFC 3550 section 6.2 wants them every 5 s or so.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Names the source of all tracks alike (RFC 3550 section 6.5.1), which is what ties them together; it says no more.
const CNAME: &str = "sluice";

/// What left of one track.
pub(crate) struct Reporter {
    pub(crate) track: TrackId,
    packets: u32,
    octets: u32,
    /// SSRC, capture instant and timestamp of the newest frame.
    newest: Option<(u32, Wall, u32)>,
    due: Duration,
    /// The instant of the line's zero, where reports follow the line and not the capture: in a playback that leaps.
    origin: Option<Wall>,
}

impl Reporter {
    pub(crate) fn new(track: TrackId) -> Self {
        Self { track, packets: 0, octets: 0, newest: None, due: Duration::ZERO, origin: None }
    }

    /// Reports give this instant to the line's zero, and what follows on it: players that reckon by them see time go on evenly.
    pub(super) fn count_from(&mut self, origin: Wall) {
        self.origin = Some(origin);
    }

    /// Counts a frame, of so many payload bytes. The counts wrap, as the RFC has them.
    pub(super) fn count(&mut self, published: &Published, octets: usize) {
        self.packets = self.packets.wrapping_add(u32::from(published.rtp.packets));
        self.octets = self.octets.wrapping_add(octets as u32);
        let rate = published.info.track(published.frame.track).map_or(1, |track| i64::from(track.clock_rate.max(1)));
        let on_line = |origin: Wall| {
            let micros = i128::from(published.frame.pts) * 1_000_000 / i128::from(rate);
            Wall::from_micros(origin.micros().saturating_add(i64::try_from(micros).unwrap_or(i64::MAX)))
        };
        let at = self.origin.map_or(published.frame.wall, on_line);
        self.newest = Some((published.rtp.ssrc, at, published.rtp.timestamp));
    }

    /// The last report, which says that no more comes; none where nothing came.
    pub(super) fn goodbye(&self) -> Option<Bytes> {
        let (ssrc, at, timestamp) = self.newest?;
        Some(rtp::goodbye(ssrc, rtp::ntp_of(at), timestamp, self.packets, self.octets, CNAME))
    }

    /// The report, where one is due.
    pub(super) fn take(&mut self, now: Duration) -> Option<Bytes> {
        let (ssrc, wall, timestamp) = self.newest.filter(|_| now >= self.due)?;
        self.due = now + REPORT_INTERVAL;
        Some(rtp::sender_report(ssrc, rtp::ntp_of(wall), timestamp, self.packets, self.octets, CNAME))
    }
}

/// An RTCP packet as it goes between frames over TCP.
pub(super) fn interleaved(track: TrackId, packet: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(rtp::INTERLEAVED_HEADER_BYTES + packet.len());
    bytes.put_u8(b'$');
    bytes.put_u8(rtcp_channel(track));
    bytes.put_u16(u16::try_from(packet.len()).expect("a report is below 64 KiB"));
    bytes.put_slice(packet);
    bytes.freeze()
}
