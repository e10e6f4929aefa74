//! The session description of a stream (RFC 8866, RFC 2326 appendix C).

use std::fmt::Write as _;

use super::range::utc;
use super::resource::TRACK_PREFIX;
use crate::frame::{StreamInfo, Track};
use crate::wall::Wall;

/// SDP of a live stream. `name` is what a player shows; characters that could begin a new line are left out. Addresses
/// and ports are 0: SETUP settles them.
pub fn describe(info: &StreamInfo, name: &str) -> String {
    with_range(info, name, "npt=0-")
}

/// The same of a stretch of a recording (RFC 2326 section C.1.5).
pub fn describe_recording(info: &StreamInfo, name: &str, (from, to): (Wall, Wall)) -> String {
    with_range(info, name, &format!("clock={}-{}", utc(from), utc(to)))
}

fn with_range(info: &StreamInfo, name: &str, range: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = if name.is_empty() { "-" } else { &name };
    let mut sdp = String::with_capacity(512);
    let generation = info.generation;
    let written = write!(
        sdp,
        "v=0\r\no=- 0 {generation} IN IP4 0.0.0.0\r\ns={name}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:{range}\r\n"
    )
    .and_then(|()| info.tracks.iter().try_for_each(|track| media(&mut sdp, track)));
    written.expect("a String takes every character");
    sdp
}

fn media(sdp: &mut String, track: &Track) -> std::fmt::Result {
    let kind = if track.params.is_video() { "video" } else { "audio" };
    let payload_type = track.params.payload_type(track.id.0);
    write!(sdp, "m={kind} 0 RTP/AVP {payload_type}\r\n")?;
    write!(sdp, "a=rtpmap:{payload_type} {}\r\n", track.params.rtpmap(track.clock_rate))?;
    if let Some(fmtp) = track.params.fmtp() {
        write!(sdp, "a=fmtp:{payload_type} {fmtp}\r\n")?;
    }
    if let Some((frames, seconds)) = track.params.frame_rate().filter(|(_, seconds)| *seconds > 0) {
        // Two decimals, as RFC 8866 section 6.12 shows; whole rates without.
        let rate = format!("{:.2}", f64::from(frames) / f64::from(seconds));
        write!(sdp, "a=framerate:{}\r\n", rate.trim_end_matches('0').trim_end_matches('.'))?;
    }
    write!(sdp, "a=control:{TRACK_PREFIX}{}\r\n", track.id.0)
}
