#!/usr/bin/env bash
# Runs every test and closes with the summary lines of all test binaries. Arguments go to the test binaries.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$root/tools/cargo.sh" test --release --locked --workspace --no-fail-fast -- "$@" 2>&1 | tee "$log" || status=$?

printf '\nSummary\n'
awk -v status="$status" '
    /^ *(Running|Doc-tests) / { name = $2 == "unittests" ? $3 " " $4 : $2; sub(/\(.*\//, "(", name) }
    /^test result: / {
        sub(/^test result: /, ""); sub(/; [0-9]+ measured.*/, "")
        printf "  %-45s %s\n", name, $0
        passed += $2; failed += $4; ignored += $6
    }
    END { printf "All tests: %s. %d passed; %d failed; %d ignored\n", (status ? "FAILED" : "ok"), passed, failed, ignored }
' "$log"
exit "$status"
