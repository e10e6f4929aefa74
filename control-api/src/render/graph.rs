//! What ffmpeg is told: its filters and its arguments, made of numbers that were checked and names that are ours. No text of a
//! person stands in them.

use std::ffi::OsString;
use std::fmt::Write as _;

use super::{Clip, Output, Region};

/// Tiles of the visible mark in each direction: no part of the picture that is worth taking has none.
const TILES: u32 = 3;
/// Threads of the decoder, of the filters and of the encoder each: what the limits on memory and processor time are made for, on a
/// machine of any size.
const THREADS: &str = "4";
/// Time between keyframes of what is made, and so between its marks, in seconds: `media::mark::INTERVAL_MAX`.
const KEYFRAME_SECONDS: u64 = media::mark::INTERVAL_MAX.as_secs();

/// The arguments: reads `clip`, writes `name` in the folder that may be written.
pub(super) fn arguments(clip: &Clip<'_>, output: &Output<'_>, font: &str, name: &str) -> Vec<OsString> {
    let mut all: Vec<String> = Vec::new();
    let mut put = |some: &[&str]| all.extend(some.iter().map(|argument| (*argument).to_owned()));
    put(&["-hide_banner", "-nostdin", "-loglevel", "error", "-progress", "pipe:1", "-nostats"]);
    // The container is ours: ffmpeg guesses none of its hundreds, and follows no reference in it.
    put(&["-threads", THREADS, "-protocol_whitelist", "file", "-f", "mov", "-copyts", "-i", clip.input]);
    put(&["-filter_complex_threads", THREADS, "-filter_complex", &filters(clip, output, font), "-map", "[v]"]);
    match output {
        Output::Video { mark } => {
            if clip.sound {
                put(&["-map", "[a]", "-c:a", "aac", "-b:a", "96k"]);
            }
            let keyframes = format!("expr:isnan(prev_forced_t)+gte(t,prev_forced_t+{KEYFRAME_SECONDS})");
            let marks = format!("h264_metadata=sei_user_data={mark}");
            put(&["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]);
            // The marks go where the parameters are, which is thus every keyframe.
            put(&["-x264-params", "repeat-headers=1", "-force_key_frames", &keyframes, "-bsf:v", &marks]);
            put(&["-threads", THREADS, "-fps_mode", "passthrough", "-movflags", "+faststart"]);
        }
        Output::Picture => {
            put(&[
                "-frames:v",
                "1",
                "-c:v",
                "mjpeg",
                "-q:v",
                "2",
                "-pix_fmt",
                "yuvj420p",
                "-f",
                "image2",
                "-update",
                "1",
            ]);
        }
    }
    put(&["-map_metadata", "-1", "-fflags", "+bitexact", "-y", &format!("../out/{name}")]);
    all.into_iter().map(OsString::from).collect()
}

/// Cut to the span, made unrecognisable where asked, marked, and set back to zero.
fn filters(clip: &Clip<'_>, output: &Output<'_>, font: &str) -> String {
    let (start, end) = (seconds(clip.span_micros.0), seconds(clip.span_micros.1));
    let mut graph = format!("[0:v:0]trim=start={start}:end={end}");
    for (number, region) in clip.regions.iter().enumerate() {
        let (from, to) = region.times(clip);
        graph += &blur(number, region, &from, &to);
    }
    graph += &tiles(font);
    // Writing to a text cannot fail.
    let _ = write!(graph, ",setpts=PTS-{start}/TB[v]");
    if clip.sound && matches!(output, Output::Video { .. }) {
        let _ = write!(graph, ";[0:a:0]atrim=start={start}:end={end},asetpts=PTS-{start}/TB[a]");
    }
    graph
}

/// Standing text and clock, in each tile.
fn tiles(font: &str) -> String {
    let mut all = String::new();
    for (row, column) in (0..TILES).flat_map(|row| (0..TILES).map(move |column| (row, column))) {
        let style = format!(
            "fontfile={font}:fontsize='max(12,h/36)':fontcolor=white@0.42:borderw=1:bordercolor=black@0.42:line_spacing=2"
        );
        let x = format!("w*{column}/{TILES}+w/60");
        let _ = write!(
            all,
            ",drawtext=textfile=mark.txt:expansion=none:{style}:x={x}:y=h*{row}/{TILES}+h/20\
             ,drawtext=textfile=clock.txt:{style}:x={x}:y=h*{row}/{TILES}+h/20+4*max(12\\,h/36)"
        );
    }
    all
}

/// A copy of the region, blurred until nothing of it is left, over the picture.
fn blur(number: usize, region: &Region, from: &str, to: &str) -> String {
    let Region { x, y, w, h, .. } = region;
    let n = number;
    format!(
        ",split[p{n}][q{n}];[q{n}]crop=w='max(16,iw*{w}/1000)':h='max(16,ih*{h}/1000)':x='min(iw-ow,iw*{x}/1000)'\
         :y='min(ih-oh,ih*{y}/1000)',boxblur=lr='min(w,h)/3':lp=4:cr='min(cw,ch)/3':cp=4[r{n}];\
         [p{n}][r{n}]overlay=x='min(main_w-overlay_w,main_w*{x}/1000)':y='min(main_h-overlay_h,main_h*{y}/1000)'\
         :enable='between(t,{from},{to})'"
    )
}

impl Region {
    /// Its beginning and its end on the clip's line.
    fn times(&self, clip: &Clip<'_>) -> (String, String) {
        let place = |at: crate::stamp::Stamp| at.0.micros().saturating_sub(clip.zero_micros);
        let from = self.from.map_or(clip.span_micros.0, place).max(clip.span_micros.0);
        let to = self.to.map_or(clip.span_micros.1, place).min(clip.span_micros.1);
        (seconds(from), seconds(to))
    }
}

/// Microseconds as seconds with all their digits.
fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Look;

    #[test]
    fn no_text_of_a_person_is_among_the_arguments() {
        let zone = jiff::tz::TimeZone::UTC;
        let look = Look::new("unit',drawtext=x", "name;[v]", Some("99"), "id", &zone, media::wall::Wall::EPOCH);
        let region = Region { x: 100, y: 200, w: 300, h: 400, from: None, to: None };
        let clip = Clip {
            input: "part-1.mp4",
            span_micros: (1_500_000, 3_000_000),
            zero_micros: 0,
            sound: true,
            look: &look,
            regions: &[region],
        };
        let all = arguments(&clip, &Output::Video { mark: "u+t" }, "/f.ttc", "o.mp4");
        let text = all.iter().map(|a| a.to_string_lossy()).collect::<Vec<_>>().join(" ");
        assert!(!text.contains("unit'") && !text.contains("name;"), "{text}");
        assert!(text.contains("trim=start=1.500000:end=3.000000") && text.contains("between(t,1.500000,3.000000)"));
        assert_eq!(text.matches("textfile=mark.txt").count(), 9);
    }

    #[test]
    fn seconds_keep_their_digits() {
        assert_eq!([seconds(0), seconds(1), seconds(-1_500_000)], ["0.000000", "0.000001", "-1.500000"]);
    }
}
