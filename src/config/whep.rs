//! WebRTC towards viewers: one UDP port, and the addresses by which viewers reach it.

use std::net::IpAddr;

use super::reader::Section;

pub(super) fn read(s: &mut Section<'_, '_>, to: &mut relay::config::Whep) {
    to.listen = s.address("listen", to.listen);
    let wanted = "addresses separated by spaces, such as \"10.20.0.5 2001:db8::5\"";
    let addresses = |text: &str| text.split_whitespace().map(|one| one.parse().ok()).collect::<Option<Vec<IpAddr>>>();
    to.public_addresses = s.text_as("public_addresses", wanted, addresses).unwrap_or_default();
    // Above, the memory for packets that may be asked for again would be beyond any machine.
    to.viewers_max = s.count("viewers_max", to.viewers_max, 1..=100_000);
}
