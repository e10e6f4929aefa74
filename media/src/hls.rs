//! HLS media playlists (RFC 8216) over recorded fMP4: text from a list of entries. Serving and choosing them is elsewhere.

pub mod live;

use std::fmt::Write;

use crate::calendar::date_of;
use crate::wall::Wall;

/// Version that EXT-X-MAP without I-frames-only needs (RFC 8216 section 7).
const VERSION: u32 = 7;

/// One media segment of the playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is, relative to the playlist.
    pub uri: String,
    /// Where its header is. A new EXT-X-MAP is written where it differs from the one in force.
    pub map_uri: String,
    /// Wall-clock time of its first sample.
    pub start: Wall,
    /// Media time in it.
    pub duration_micros: i64,
    /// It does not follow from the entry before it: time is missing, or the stream changed.
    pub discontinuity: bool,
}

/// The playlist. `ended` says that no entry will be added to it.
pub fn playlist(entries: &[Entry], ended: bool) -> String {
    let longest = entries.iter().map(|e| e.duration_micros).max().unwrap_or(0).max(0);
    let target = longest.saturating_add(999_999) / 1_000_000;
    let kind = if ended { "VOD" } else { "EVENT" };
    let mut out = format!(
        "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}\n",
        target.max(1)
    );
    let (mut map, mut expected) = (None, None);
    for (place, entry) in entries.iter().enumerate() {
        if entry.discontinuity && place > 0 {
            out.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if map != Some(&entry.map_uri) || entry.discontinuity {
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", entry.map_uri);
            map = Some(&entry.map_uri);
        }
        // Stated at each entry whose time does not follow from the one before it, so that seeking by clock stays exact.
        if expected.is_none_or(|at: Wall| entry.start.millis() != at.millis()) || entry.discontinuity {
            let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", date_time(entry.start));
        }
        let micros = entry.duration_micros.max(0);
        let _ = writeln!(out, "#EXTINF:{}.{:06},\n{}", micros / 1_000_000, micros % 1_000_000, entry.uri);
        expected = Some(Wall::from_micros(entry.start.micros().saturating_add(micros)));
    }
    if ended {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

/// RFC 3339 in UTC with milliseconds.
fn date_time(at: Wall) -> String {
    let (days, millis) = (at.millis().div_euclid(86_400_000), at.millis().rem_euclid(86_400_000));
    let (year, month, date) = date_of(days);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: i64, start_ms: i64, map: &str, discontinuity: bool) -> Entry {
        Entry {
            uri: format!("{n}.m4s"),
            map_uri: map.into(),
            start: Wall::from_micros(start_ms * 1000),
            duration_micros: 2_040_000,
            discontinuity,
        }
    }

    #[test]
    fn a_gap_and_a_new_header_are_told() {
        let t = 1_764_000_000_000;
        let entries =
            [entry(0, t, "a.mp4", true), entry(1, t + 2040, "a.mp4", false), entry(2, t + 60_000, "b.mp4", true)];
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"a.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:00.000Z\n\
            #EXTINF:2.040000,\n0.m4s\n#EXTINF:2.040000,\n1.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"b.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:01:00.000Z\n#EXTINF:2.040000,\n2.m4s\n#EXT-X-ENDLIST\n";
        assert_eq!(playlist(&entries, true), expected);
        assert!(!playlist(&entries, false).contains("ENDLIST"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(date_time(Wall::from_micros(millis * 1000)), text);
        }
    }
}
