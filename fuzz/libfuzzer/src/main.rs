//! The fuzz bodies under libFuzzer, coverage-guided: one binary, the target named by `SLUICE_FUZZ_TARGET`. `tools/fuzz.sh`
//! builds and runs it where a nightly toolchain is at hand; `fuzz-smoke` runs the same bodies on a stable one.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use media::{fmp4, fuzz, rtsp};

static BODY: LazyLock<fn(&[u8])> = LazyLock::new(|| match std::env::var("SLUICE_FUZZ_TARGET").as_deref() {
    Ok("depacketize") => fuzz::depacketize,
    Ok("rtp") => fuzz::rtp,
    Ok("params") => fuzz::params,
    Ok("jpeg") => fuzz::jpeg,
    Ok("timeline") => fuzz::timeline,
    Ok("reorder") => fuzz::reorder,
    Ok("trace") => fuzz::trace,
    Ok("rtsp-server") => rtsp::fuzz::server,
    Ok("rtsp-client") => rtsp::fuzz::client,
    Ok("fmp4-reader") => fmp4::fuzz::check_invariants,
    Ok("fmp4-builder") => fmp4::fuzz::check_builder,
    Ok("fmp4-splice") => fmp4::fuzz::check_splice,
    Ok("canary") => fuzz::canary,
    other => panic!("SLUICE_FUZZ_TARGET names no target: {other:?}"),
});

fuzz_target!(|data: &[u8]| BODY(data));
