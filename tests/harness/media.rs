//! Clips made with ffmpeg, and real players: ffmpeg and GStreamer as processes, their complaints as text.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Makes a clip with ffmpeg: `arguments` between the common head and the output path.
pub(crate) fn make_clip(path: &Path, arguments: &str) {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-y"]).args(arguments.split_whitespace()).arg(path);
    let output = run(&mut command);
    assert!(output.status.success(), "ffmpeg {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e} (make test installs what the tests need)"))
}

/// Plays a URL with ffmpeg for `seconds`; decoded video frames and what it complained of.
pub(crate) fn ffmpeg_plays(url: &str, transport: &str, seconds: u32) -> (u64, String) {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "warning", "-rtsp_transport", transport, "-i", url])
        .args(["-t", &seconds.to_string(), "-map", "0:v", "-f", "null", "-progress", "pipe:1", "-"]));
    let progress = String::from_utf8_lossy(&output.stdout);
    let frames =
        progress.lines().filter_map(|l| l.strip_prefix("frame=")).filter_map(|n| n.trim().parse().ok()).next_back();
    (frames.unwrap_or(0), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The lines in which ffmpeg says that a stream is damaged, as opposed to remarks on time stamps of live sources.
pub(crate) fn faults(said: &str) -> Vec<&str> {
    const WORDS: [&str; 7] = ["error", "corrupt", "missed", "concealing", "invalid", "no frame", "non-existing"];
    let is_fault = |line: &str| {
        let line = line.to_lowercase();
        WORDS.iter().any(|word| line.contains(word))
    };
    // ffmpeg's null muxer rounds time stamps to whole frames and complains of its own rounding.
    said.lines().filter(|line| !line.contains("dts to muxer") && is_fault(line)).collect()
}

/// Decodes a URL to its end with ffmpeg; video frames and what it complained of.
pub(crate) fn ffmpeg_plays_out(url: &str, arguments: &[&str]) -> (u64, String) {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "warning"])
        .args(arguments)
        .args(["-i", url, "-map", "0:v", "-fps_mode", "passthrough", "-f", "null", "-progress", "pipe:1", "-"]));
    let progress = String::from_utf8_lossy(&output.stdout);
    let frames =
        progress.lines().filter_map(|l| l.strip_prefix("frame=")).filter_map(|n| n.trim().parse().ok()).next_back();
    (frames.unwrap_or(0), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// GStreamer decodes so many pictures of an H.264 or H.265 stream.
pub(crate) fn gstreamer_plays(url: &str, kind: &str, pictures: u64) -> Result<(), String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/gst_player.py");
    // By Debian's own interpreter: the GObject bindings are installed for it alone.
    let output = run(Command::new("/usr/bin/python3").args([script, url, kind, &pictures.to_string()]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// MD5 of every video packet of a file, in decode order, parameter sets left out of band: one per frame.
pub(crate) fn packet_hashes(path: &Path) -> Vec<String> {
    hashes(path, &["-c", "copy"])
}

/// MD5 of every picture of a file, decoded.
pub(crate) fn picture_hashes(path: &Path) -> Vec<String> {
    hashes(path, &["-fps_mode", "passthrough"])
}

fn hashes(path: &Path, codec: &[&str]) -> Vec<String> {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-i"])
        .arg(path)
        .args(["-map", "0:v:0"])
        .args(codec)
        .args(["-f", "framehash", "-hash", "md5", "-"]));
    assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines.filter_map(|l| l.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect()
}

/// The recordings below a folder, in the order of their names.
pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(segments(&path));
        } else if path.extension().is_some_and(|e| e == "mp4") {
            found.push(path);
        }
    }
    found.sort();
    found
}
