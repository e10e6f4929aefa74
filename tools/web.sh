#!/usr/bin/env bash
# Builds the console into web/dist, which the binary then embeds. Nothing is done where nothing changed. Without Node.js 18 or newer, or
# without a way to its packages, the appliance is built without its console, and says so.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"
cd "$root/web"

without() { say "$*; the appliance is built without its console"; exit 0; }

command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || without "node and npm are missing"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || without "node $(node --version) is older than 18"

# What was installed, and what was built, by the sum of what it was made from.
sum() { cat "$@" | sha256sum | cut -d ' ' -f 1; }
wanted=$(sum package-lock.json)
if [ "$(cat node_modules/.installed 2>/dev/null)" != "$wanted" ]; then
    say "installing the console's packages"
    npm ci --no-audit --no-fund --loglevel=error >&2 || without "npm could not install the console's packages"
    echo "$wanted" >node_modules/.installed
fi
files=$(find index.html package.json package-lock.json tsconfig.json vite.config.ts public src tools ../control-api/openapi.json -type f | LC_ALL=C sort)
# shellcheck disable=SC2086
wanted=$(sum $files)
if [ "$(cat dist/.built 2>/dev/null)" != "$wanted" ]; then
    say "building the console"
    npm run --silent build >&2 || die "the console could not be built"
    echo "$wanted" >dist/.built
fi
