#!/usr/bin/env bash
# Runs every test and closes with the summary lines of all test binaries. Arguments go to the test binaries.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$root/tools/cargo.sh" test --release --locked --workspace --no-fail-fast -- "$@" 2>&1 | tee "$log" || status=$?

printf '\n'
awk '
    /^ *(Running|Doc-tests) / { name = $2 == "unittests" ? $3 " " $4 : $2; sub(/\(.*\//, "(", name) }
    /^test result: / { printf "%s  <- %s\n", $0, name; passed += $4; failed += $6; ignored += $8 }
    END { printf "test result: %s. %d passed; %d failed; %d ignored, in all\n", (failed ? "FAILED" : "ok"), passed, failed, ignored }
' "$log"
exit "$status"
