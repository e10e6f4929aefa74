//! The Transport header (RFC 2326 section 12.39): what a viewer wishes, and the answer. Written by hand, because
//! rtsp-types 0.1.3 slices out of bounds on a lone quote in `mode` and `dest_addr`.

use crate::frame::TrackId;

/// Tracks that channel numbers reach: two channels each, 256 in all.
pub const CHANNEL_TRACKS_MAX: u8 = 128;

/// Transports offered in one header that are looked at.
const OFFERS_MAX: usize = 16;

/// Interleaved channel of a track's RTP. Imposed by the server whatever the viewer asks for, so that one image of a
/// frame serves every viewer.
pub fn rtp_channel(track: TrackId) -> u8 {
    track.0.wrapping_mul(2)
}

/// Interleaved channel of a track's RTCP.
pub fn rtcp_channel(track: TrackId) -> u8 {
    rtp_channel(track) + 1
}

/// How a viewer wants a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Interleaved on the RTSP connection.
    Tcp,
    /// By UDP to these ports at the address the connection comes from. A `destination` is ignored: it would let a viewer
    /// aim a camera at somebody else.
    Udp {
        /// Port for RTP.
        rtp: u16,
        /// Port for RTCP.
        rtcp: u16,
    },
}

/// The first offer that can be served; none of them is status 461.
pub(super) fn choose(header: &str) -> Option<Wish> {
    header.split(',').take(OFFERS_MAX).find_map(offer)
}

fn offer(text: &str) -> Option<Wish> {
    let mut parts = text.split(';').map(str::trim);
    let protocol = parts.next()?;
    let tcp = if protocol.eq_ignore_ascii_case("RTP/AVP/TCP") {
        true
    } else if protocol.eq_ignore_ascii_case("RTP/AVP") || protocol.eq_ignore_ascii_case("RTP/AVP/UDP") {
        false
    } else {
        return None;
    };
    let mut ports = None;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "multicast" => return None,
            "mode" if !value.trim_matches('"').eq_ignore_ascii_case("play") => return None,
            "client_port" => ports = Some(port_pair(value)?),
            _ => {}
        }
    }
    if tcp {
        return Some(Wish::Tcp);
    }
    ports.map(|(rtp, rtcp)| Wish::Udp { rtp, rtcp })
}

fn port_pair(value: &str) -> Option<(u16, u16)> {
    let (rtp, rtcp) = value.split_once('-').unwrap_or((value, ""));
    let rtp: u16 = rtp.trim().parse().ok().filter(|port| *port != 0)?;
    let rtcp =
        if rtcp.is_empty() { rtp.checked_add(1)? } else { rtcp.trim().parse().ok().filter(|port| *port != 0)? };
    Some((rtp, rtcp))
}

/// The answer to a SETUP that is granted.
pub(super) fn granted(wish: Wish, track: TrackId, ssrc: Option<u32>, server_ports: Option<(u16, u16)>) -> String {
    let ways = match wish {
        Wish::Tcp => format!("RTP/AVP/TCP;unicast;interleaved={}-{}", rtp_channel(track), rtcp_channel(track)),
        Wish::Udp { rtp, rtcp } => {
            let (server_rtp, server_rtcp) = server_ports.unwrap_or_default();
            format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={server_rtp}-{server_rtcp}")
        }
    };
    match ssrc {
        Some(ssrc) => format!("{ways};ssrc={ssrc:08X}"),
        None => ways,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offer_that_can_be_served_is_taken() {
        let udp = Some(Wish::Udp { rtp: 5000, rtcp: 5001 });
        for (header, wish) in [
            ("RTP/AVP;unicast;client_port=5000-5001", udp),
            ("RTP/AVP/UDP;client_port=5000", udp),
            ("RTP/AVP/TCP;unicast;interleaved=6-7;mode=\"PLAY\"", Some(Wish::Tcp)),
            ("rtp/avp/tcp", Some(Wish::Tcp)),
            ("RTP/AVP;multicast, RTP/SAVP/TCP;unicast, RTP/AVP/TCP;unicast", Some(Wish::Tcp)),
            ("RTP/AVP;unicast;client_port=5000-5001;destination=203.0.113.9", udp),
            ("RTP/AVP;multicast;client_port=5000-5001", None),
            ("RTP/AVP;unicast", None),
            ("RTP/AVP;unicast;client_port=0-1", None),
            ("RTP/AVP;unicast;client_port=65535", None),
            ("RTP/AVP;unicast;client_port=65536-65537", None),
            ("RTP/AVP/TCP;unicast;mode=record", None),
            ("RTP/AVP/TCP;mode=\"", None),
            ("", None),
        ] {
            assert_eq!(choose(header), wish, "{header}");
        }
    }

    #[test]
    fn the_answer_says_our_channels() {
        let answer = granted(Wish::Tcp, TrackId(1), Some(0xab), None);
        assert_eq!(answer, "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=000000AB");
    }
}
