#!/usr/bin/env bash
# Builds the binary and the benches, then runs them: all of them, or the one named, with its own options.
#   tools/bench.sh [fanout|ingest|sessions [OPTION...]]
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

"$root/tools/cargo.sh" build --release --locked --bin sluice --bin bench
bin=${SLUICE_TARGET_DIR:-$user_cache/sluice-target}/release
cd "$root"
if [ "$#" -gt 0 ]; then
    exec "$bin/bench" --sluice "$bin/sluice" "$@"
fi
for one in fanout ingest sessions; do
    "$bin/bench" --sluice "$bin/sluice" "$one"
done
