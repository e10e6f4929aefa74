#!/usr/bin/env bash
# Checks dependencies against deny.toml. cargo-deny is compiled once into the user's cache.
# Advisories need a database from the network, so they are checked only on request: tools/deny.sh advisories
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

version=0.20.2
deny=$(command -v cargo-deny || echo "$sluice_cache/cargo-deny-$version/bin/cargo-deny")
if [ ! -x "$deny" ]; then
    say "compiling cargo-deny $version once for this machine (a few minutes)"
    cargo install --locked --quiet --root "$sluice_cache/cargo-deny-$version" \
        --target-dir "$sluice_cache/cargo-deny-build" "cargo-deny@$version"
    rm -rf "$sluice_cache/cargo-deny-build"
fi
cd "$root"
if [ "$#" -gt 0 ]; then
    exec "$deny" --locked check "$@"
fi
exec "$deny" --locked check --hide-inclusion-graph bans licenses sources
