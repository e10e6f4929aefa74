# Sourced by every script here: where things are kept, and how messages look. Sets variables, runs nothing else.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
user_cache=${XDG_CACHE_HOME:-$HOME/.cache}
sluice_cache=$user_cache/sluice

# Rustup puts cargo here and tells only new login shells about it.
if ! command -v cargo >/dev/null 2>&1 && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    export PATH
fi

say() { printf 'sluice: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
