//! The Transport header from a client's side (RFC 2326 section 12.39): what is asked for, and what was granted.

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Interleaved, RTP on this channel and RTCP on the next.
    Tcp {
        /// RTP's channel.
        channel: u8,
    },
    /// By UDP to these ports of ours.
    Udp {
        /// RTP's.
        rtp: u16,
        /// RTCP's.
        rtcp: u16,
    },
}

impl Wanted {
    /// The header's value.
    pub fn header(self) -> String {
        match self {
            Self::Tcp { channel } => {
                format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel.saturating_add(1))
            }
            Self::Udp { rtp, rtcp } => format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"),
        }
    }
}

/// What was granted. A part that the camera did not name is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// The channels that it chose.
    pub channels: Option<(u8, u8)>,
    /// Its own ports.
    pub server_ports: Option<(u16, u16)>,
    /// The SSRC that it will use.
    pub ssrc: Option<u32>,
}

impl Granted {
    /// Reads the header of an answer to SETUP.
    pub fn parse(header: &str) -> Self {
        let mut granted = Self::default();
        for part in header.split([';', ',']) {
            let Some((name, value)) = part.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "interleaved" => granted.channels = pair(value),
                "server_port" => granted.server_ports = pair(value),
                "ssrc" => granted.ssrc = u32::from_str_radix(value, 16).ok(),
                _ => {}
            }
        }
        granted
    }
}

/// `a-b`, or `a` with the next one.
fn pair<T: std::str::FromStr + Copy + TryFrom<u32> + Into<u32>>(text: &str) -> Option<(T, T)> {
    let (first, second) = text.split_once('-').unwrap_or((text, ""));
    let first: T = first.trim().parse().ok()?;
    let second = match second.trim() {
        "" => T::try_from(first.into().checked_add(1)?).ok()?,
        second => second.parse().ok()?,
    };
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cameras_grant_is_read() {
        let granted = Granted::parse("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1A2b3C4d;mode=\"PLAY\"");
        assert_eq!((granted.channels, granted.ssrc), (Some((4, 5)), Some(0x1a2b_3c4d)));
        let udp = Granted::parse("RTP/AVP/UDP;unicast;client_port=5000-5001;server_port=6970");
        assert_eq!(udp.server_ports, Some((6970, 6971)));
        for odd in ["", "interleaved=300-301", "interleaved=255", "server_port=x", "ssrc="] {
            assert_eq!(Granted::parse(odd), Granted::default(), "{odd}");
        }
    }

    #[test]
    fn what_is_asked_for_is_written() {
        assert_eq!(Wanted::Tcp { channel: 2 }.header(), "RTP/AVP/TCP;unicast;interleaved=2-3");
        assert_eq!(Wanted::Udp { rtp: 5_000, rtcp: 5_001 }.header(), "RTP/AVP;unicast;client_port=5000-5001");
    }
}
