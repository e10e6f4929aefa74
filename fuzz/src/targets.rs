//! The table of targets: one line adds one.

use media::{fmp4, fuzz, rtsp};
use relay::egress::whep::fuzz as whep;

use crate::seeds;

/// A body, and what its mutations start from.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) body: fn(&[u8]),
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}

const fn target(name: &'static str, body: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, body, seeds }
}

/// Must fail.
pub(crate) const CANARY: Target = target("canary", fuzz::canary, || vec![b"SLUICE".to_vec()]);

pub(crate) const TARGETS: &[Target] = &[
    target("depacketize", fuzz::depacketize, fuzz::depacketize_seeds),
    target("rtp", fuzz::rtp, fuzz::rtp_seeds),
    target("params", fuzz::params, fuzz::params_seeds),
    target("jpeg", fuzz::jpeg, fuzz::jpeg_seeds),
    target("timeline", fuzz::timeline, fuzz::script_seeds),
    target("reorder", fuzz::reorder, fuzz::script_seeds),
    target("trace", fuzz::trace, fuzz::trace_seeds),
    target("sdp-offer", whep::offer, whep::offer_seeds),
    target("stun", whep::stun, whep::stun_seeds),
    target("rtsp-server", rtsp::fuzz::server, seeds::rtsp),
    target("rtsp-client", rtsp::fuzz::client, seeds::camera),
    target("fmp4-reader", fmp4::fuzz::check_invariants, seeds::fmp4),
    target("fmp4-builder", fmp4::fuzz::check_builder, fuzz::script_seeds),
    target("fmp4-splice", fmp4::fuzz::check_splice, seeds::splice),
];
