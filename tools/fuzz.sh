#!/usr/bin/env bash
# Fuzzes one target with libFuzzer: fuzz.sh TARGET [SECONDS]. Needs a nightly toolchain; `make fuzz-smoke` needs none.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

target=${1:?usage: tools/fuzz.sh TARGET [SECONDS]; the targets are in fuzz/libfuzzer/src/main.rs}
seconds=${2:-60}
rustup run nightly rustc --version >/dev/null 2>&1 || die "no nightly toolchain; install one with: rustup toolchain install nightly"

host=$(rustup run nightly rustc -vV | awk '/^host:/ { print $2 }')
kept=$sluice_cache/fuzz
corpus=$kept/corpus/$target
mkdir -p "$corpus" "$kept/artifacts"
# The instrumentation that libFuzzer reads, and AddressSanitizer. A target triple keeps build scripts out of it.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Clink-dead-code -Zsanitizer=address -Ccodegen-units=1"
cargo +nightly build --release --manifest-path "$root/fuzz/libfuzzer/Cargo.toml" --target "$host" --target-dir "$kept/target"
SLUICE_FUZZ_TARGET=$target exec "$kept/target/$host/release/fuzz-libfuzzer" "$corpus" \
    -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -artifact_prefix="$kept/artifacts/$target-"
