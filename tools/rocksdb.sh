#!/usr/bin/env bash
# Prints the folder that holds RocksDB's static library, compiling it first where the user's cache lacks it.
# Its C++ costs about 25 CPU minutes; this way they are paid once per machine and version, not once per clone and profile.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

version=$(awk '$0 == "name = \"librocksdb-sys\"" { getline; gsub(/version = |"/, ""); print; exit }' "$root/Cargo.lock")
[ -n "$version" ] || die "Cargo.lock names no librocksdb-sys; restore it with: git checkout Cargo.lock"
keep=$sluice_cache/rocksdb/$version
library=$keep/librocksdb.a
if [ -s "$library" ]; then
    printf '%s\n' "$keep"
    exit 0
fi

mkdir -p "$keep"
exec 9>"$keep/lock"
if ! flock -n 9; then
    say "another build is compiling RocksDB; waiting for it"
    flock 9
fi
if [ -s "$library" ]; then
    printf '%s\n' "$keep"
    exit 0
fi

build=$sluice_cache/rocksdb-build
log=$keep/build.log
rm -rf "$build"
say "compiling RocksDB $version once for this machine (about 25 CPU minutes); log: $log"

# Debug information would make the library ten times as large and tells nothing about our code.
# It gets a process group of its own, so that an interruption ends the compilers and not only cargo.
ROCKSDB_COMPILE=1 CARGO_PROFILE_RELEASE_DEBUG=0 \
    setsid cargo build --locked --release -p librocksdb-sys --manifest-path "$root/Cargo.toml" --target-dir "$build" \
    >"$log" 2>&1 9>&- &
compiler=$!
interrupted() {
    kill -- "-$compiler" 2>/dev/null || true
    wait "$compiler" 2>/dev/null || true
    rm -rf "$build"
    say "interrupted; run it again to start over"
    exit 130
}
trap interrupted HUP INT TERM

sources() { # number of C++ files that the crate lists
    local list
    for list in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"librocksdb-sys-$version"/rocksdb_lib_sources.txt; do
        [ ! -f "$list" ] || { grep -c '\.cc' "$list"; return; }
    done
    echo '?'
}
objects() { find "$build" -path '*librocksdb-sys*' -name '*.o' 2>/dev/null | wc -l; }

# On a terminal one line is written over; in a log one line a minute.
SECONDS=0
if [ -t 2 ]; then every=2 end='\r'; else every=60 end='\n'; fi
next=$every
while kill -0 "$compiler" 2>/dev/null; do
    sleep 1
    [ "$SECONDS" -ge "$next" ] || continue
    next=$((SECONDS + every))
    printf "sluice: RocksDB %s of %s files, %d:%02d elapsed$end" \
        "$(objects)" "$(sources)" $((SECONDS / 60)) $((SECONDS % 60)) >&2
done
if ! wait "$compiler"; then
    tail -n 30 "$log" >&2
    die "RocksDB did not compile; the whole log is $log (it needs g++ with C++20, clang and libclang-dev)"
fi

made=$(find "$build/release/build" -path '*/out/librocksdb.a' | head -n 1)
[ -n "$made" ] || die "the build ended well but left no librocksdb.a under $build"
cp "$made" "$library.tmp"
mv "$library.tmp" "$library"
rm -rf "$build"
say "RocksDB $version compiled in $((SECONDS / 60)) min $((SECONDS % 60)) s, kept in $keep"
printf '%s\n' "$keep"
