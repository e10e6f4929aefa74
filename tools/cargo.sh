#!/usr/bin/env bash
# Runs cargo with the settings every build here shares: RocksDB's prebuilt library, and a target folder in the user's
# cache (or in SLUICE_TARGET_DIR), so that a fresh clone finds its dependencies compiled.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

command -v cargo >/dev/null 2>&1 || die "cargo is missing; install Rust first: https://rustup.rs"
if [ "${1:-}" != fmt ] && [ "${1:-}" != clean ]; then
    ROCKSDB_LIB_DIR=$("$root/tools/rocksdb.sh")
    export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
fi
export CARGO_TARGET_DIR=${SLUICE_TARGET_DIR:-$user_cache/sluice-target}
cd "$root"
exec cargo "$@"
