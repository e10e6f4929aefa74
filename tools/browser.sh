#!/usr/bin/env bash
# The console in Debian's Chromium, over the real binary: all tests, or with --smoke a look at each page.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

if [ ! -f "$root/web/dist/index.html" ]; then
    die "web/dist is not there: build the console first (make web)"
fi
if ! command -v "${CHROMIUM:-chromium}" >/dev/null 2>&1; then
    say "no Chromium here: the tests of the console in a browser are left out"
    exit 0
fi
"$root/tools/cargo.sh" build --release --locked --bin sluice
SLUICE=${SLUICE_TARGET_DIR:-$user_cache/sluice-target}/release/sluice
export SLUICE
cd "$root/web"
tests=(tests/*.test.mjs)
if [ "${1:-}" = --smoke ]; then
    export SMOKE=1
    # What is long and looks at no further page: delays, and each register one by one.
    tests=()
    for file in tests/*.test.mjs; do
        case $file in */day.test.mjs | */delay.test.mjs | */work_registers.test.mjs) ;; *) tests+=("$file") ;; esac
    done
fi
# One file after the other: each has an appliance of its own, and browsers want a CPU each.
exec node --test --test-concurrency=1 --test-reporter=tap "${tests[@]}"
