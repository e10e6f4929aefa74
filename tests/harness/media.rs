//! Clips made with ffmpeg, and real players: ffmpeg and GStreamer as processes, their complaints as text.

use std::path::Path;
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

/// MD5 of every video packet of a file, in decode order, parameter sets left out of band: one per frame.
pub(crate) fn packet_hashes(path: &Path) -> Vec<String> {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-i"])
        .arg(path)
        .args(["-map", "0:v:0", "-c", "copy", "-f", "framehash", "-hash", "md5", "-"]));
    assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    lines.filter_map(|l| l.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect()
}
