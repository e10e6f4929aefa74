#!/usr/bin/env bash
# Runs tests/tidy.rs by itself. It needs no crate, so rustc alone compiles it, in a second and without a build.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$root"
rustc --edition 2024 --test -O -o "$out/tidy" tests/tidy.rs
RUST_BACKTRACE=0 "$out/tidy" "$@"
