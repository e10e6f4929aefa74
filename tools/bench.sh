#!/usr/bin/env bash
# Builds the binary and the benches, then runs the bench named by the arguments, or all of them one after the other.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

"$root/tools/cargo.sh" build --release --locked -p sluice -p benches --bins
built=${SLUICE_TARGET_DIR:-$user_cache/sluice-target}/release
run() { "$built/bench" --sluice "$built/sluice" --out "$root/bench-results" "$@"; }

if [ "$#" -gt 0 ]; then
    run "$@"
else
    for bench in fanout whep ingest record seek download revoke stuck trace decide sessions years; do
        printf '\n%s\n' "$bench"
        run "$bench"
    done
fi
