#!/usr/bin/env bash
# Runs every test, and those that send to viewers once more with each engine alone. Closes with the summary lines of all test
# binaries. Arguments go to the test binaries.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0

run() {
    "$root/tools/cargo.sh" test --release --locked --no-fail-fast "$@" 2>&1 | tee -a "$log" || status=$?
}

run --workspace -- "$@"
engines=epoll
if [ "$("$root/tools/cargo.sh" run --quiet --release --locked -p uring --example engine)" = io_uring ]; then
    engines="epoll io_uring"
else
    printf '\nThis machine refuses io_uring: its tests ran with epoll only.\n'
fi
for engine in $engines; do
    printf '\nWith relay.engine = "%s" alone\n' "$engine"
    SLUICE_TEST_ENGINE=$engine run -p relay -p sluice --lib --test journeys -- "$@"
done

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
