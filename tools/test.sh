#!/usr/bin/env bash
# Runs every test, and those that send to viewers once more with each engine alone. Closes with the summary lines of all test
# binaries. Arguments go to the test binaries.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0

"$root/tools/cargo.sh" test --release --locked --workspace --no-fail-fast -- "$@" 2>&1 | tee "$log" || status=$?

# Once more: a test binary that was just built, by the folder of its package and its name.
again() {
    binary=$(sed -n "s|^ *Running .*(\\(/.*/$2-[0-9a-f]*\\))\$|\\1|p" "$log" | head -n 1)
    [ -n "$binary" ] || { printf '%s was not built\n' "$2" | tee -a "$log"; status=1; return; }
    folder=$1
    shift 2
    printf '     Running %s with %s (%s)\n' "$(basename "$binary" | sed 's/-[0-9a-f]*$//')" "$SLUICE_TEST_ENGINE" "$binary" | tee -a "$log"
    (cd "$root/$folder" && "$binary" "$@") 2>&1 | tee -a "$log" || status=$?
}

engines=epoll
if [ "$("$root/tools/cargo.sh" run --quiet --release --locked -p uring --example engine)" = io_uring ]; then
    engines="epoll io_uring"
else
    printf '\nThis machine refuses io_uring: its tests ran with epoll only.\n'
fi
for engine in $engines; do
    export SLUICE_TEST_ENGINE=$engine
    again relay relay "$@"
    # What an engine sends is not what a register or a disk holds: the journeys by article, and those of files alone, ran above.
    files=(check:: confine:: crash:: export:: floors:: ledger:: volumes::)
    again . journeys --skip j0 --skip j1 --skip j2 "${files[@]/#/--skip=}" "$@"
done

printf '     Running console in a browser (web/tests)\n' | tee -a "$log"
"$root/tools/browser.sh" --smoke 2>&1 | grep -av '^ *\(duration_ms\|type\|---\|\.\.\.\)' | tee -a "$log" || status=$?

printf '\nSummary\n'
awk -v status="$status" '
    /^ *(Running|Doc-tests) / { name = $2 == "unittests" ? $3 " " $4 : $3 == "with" ? $2 " with " $4 : $2; sub(/\(.*\//, "(", name) }
    /^test result: / {
        sub(/^test result: /, ""); sub(/; [0-9]+ measured.*/, "")
        printf "  %-45s %s\n", name, $0
        passed += $2; failed += $4; ignored += $6
    }
    /^# (pass|fail|skipped) / { counted[$2] = $3 }
    /^# duration_ms / {
        printf "  %-45s %d passed; %d failed\n", name, counted["pass"], counted["fail"]
        passed += counted["pass"]; failed += counted["fail"]; ignored += counted["skipped"]
    }
    END { printf "All tests: %s. %d passed; %d failed; %d ignored\n", (status ? "FAILED" : "ok"), passed, failed, ignored }
' "$log"
exit "$status"
