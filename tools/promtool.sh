#!/usr/bin/env bash
# Checks the alert rules and runs their tests with promtool, from the system or from the cache that apt.sh fills.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

promtool=$(command -v promtool || echo "$sluice_cache/promtool/promtool")
[ -x "$promtool" ] || die "promtool is missing; run: tools/apt.sh test"
cd "$root/ops/prometheus"
"$promtool" check rules ./*.rules.yml
"$promtool" test rules tests/*.test.yml
