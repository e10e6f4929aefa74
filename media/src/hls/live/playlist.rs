//! The playlist of a live window, whole or as a delta update.

use std::fmt::Write as _;

use super::{PART_TARGET_MAX_MICROS, PARTS_TARGETS, SKIP_TARGETS, Segment, TARGET_SECONDS, Window};
use crate::hls::date_time;

/// EXT-X-SKIP needs this one (draft section 8).
const VERSION: u32 = 9;
/// So many parts a player holds back from the end; the draft recommends three at least.
const HOLD_BACK_PARTS: i64 = 3;

impl Window {
    /// The playlist. `skip` leaves out what a player that reloads has already.
    pub fn playlist(&self, skip: bool) -> String {
        let part_target = self.part_target_micros.unwrap_or(PART_TARGET_MAX_MICROS);
        let mut out = format!(
            "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{TARGET_SECONDS}\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},CAN-SKIP-UNTIL={}.0\n\
             #EXT-X-PART-INF:PART-TARGET={}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
            seconds(part_target * HOLD_BACK_PARTS),
            SKIP_TARGETS * TARGET_SECONDS,
            seconds(part_target),
            self.segments.front().map_or(0, |first| first.number),
        );
        if self.discontinuities > 0 {
            let _ = writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuities);
        }
        let skipped = if skip { self.before_end(SKIP_TARGETS) } else { 0 };
        if skipped > 0 {
            let _ = writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
        }
        let parts_from = self.before_end(PARTS_TARGETS);
        // The header of what is skipped was said with that.
        let mut map = skipped.checked_sub(1).and_then(|last| self.segments.get(last)).map(|s| s.map.number);
        for (place, segment) in self.segments.iter().enumerate().skip(skipped) {
            // At the first one, too: it counts for this segment until the segment is gone, and only then in the sequence above.
            if segment.discontinuity {
                out.push_str("#EXT-X-DISCONTINUITY\n");
            }
            if map != Some(segment.map.number) {
                let _ = writeln!(out, "#EXT-X-MAP:URI=\"init-{}.mp4\"", segment.map.number);
                map = Some(segment.map.number);
            }
            write(&mut out, segment, place >= parts_from);
        }
        let end = self.end();
        let _ = writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-{}.{}.m4s\"", end.segment, end.part);
        out
    }

    /// Segments that end so many target durations or more before the end.
    fn before_end(&self, targets: i64) -> usize {
        let mut lasts = 0;
        let near = self.segments.iter().rev().take_while(|segment| {
            let within = lasts < targets * TARGET_SECONDS * 1_000_000;
            lasts += segment.duration_micros();
            within
        });
        self.segments.len() - near.count()
    }
}

fn write(out: &mut String, segment: &Segment, with_parts: bool) {
    if let Some(first) = segment.parts.first() {
        let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", date_time(first.start));
    }
    for (number, part) in segment.parts.iter().enumerate().filter(|_| with_parts) {
        let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
        let _ = writeln!(
            out,
            "#EXT-X-PART:DURATION={},URI=\"part-{}.{number}.m4s\"{independent}",
            seconds(part.duration_micros),
            segment.number
        );
    }
    if segment.closed {
        let _ = writeln!(out, "#EXTINF:{},\nseg-{}.m4s", seconds(segment.duration_micros()), segment.number);
    }
}

/// Microseconds as a decimal number of seconds.
fn seconds(micros: i64) -> String {
    let micros = micros.max(0);
    format!("{}.{:05}", micros / 1_000_000, micros % 1_000_000 / 10)
}
