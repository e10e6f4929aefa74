#!/usr/bin/env bash
# Installs by apt what is missing on Debian 12 or Ubuntu 24.04. Usage: apt.sh run|test
#   run   what a build needs, the console's included, and what the appliance runs: ffmpeg and a font
#   test  that, and what the tests play against: GStreamer's RTSP server and WebRTC, aiortc, a browser, promtool
# Nothing is touched when nothing is missing. SLUICE_NO_APT=1 skips it where packages come from elsewhere.
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

# bindgen reads RocksDB's headers through libclang and asks clang where the compiler's own headers are.
build=(g++ clang libclang-dev pkg-config ca-certificates)
# What the appliance itself runs: exports and snapshots are rendered by ffmpeg, with a font that has Chinese.
runs=(ffmpeg fonts-wqy-microhei)
peers=(curl iproute2 procps python3 python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-tools
    gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav
    gstreamer1.0-nice gir1.2-gst-plugins-bad-1.0 gir1.2-gst-plugins-base-1.0 python3-aiortc openssl)

# Whatever Node.js is there will do, if it is not too old for the console's tools.
node=(nodejs npm)
if command -v npm >/dev/null 2>&1 && [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 18 ]; then
    node=()
fi

case "${1:-}" in
run) wanted=("${build[@]}" "${runs[@]}" "${node[@]}") ;;
test) wanted=("${build[@]}" "${runs[@]}" "${node[@]}" "${peers[@]}") ;;
*) die "usage: tools/apt.sh run|test" ;;
esac
[ "${SLUICE_NO_APT:-0}" != 1 ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    say "no apt here; these must be installed already: ${wanted[*]}"
    exit 0
fi

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "missing packages, and neither root nor sudo to install them. As root: apt-get install ${missing[*]}"
    fi
}

# Debian's Chromium drives the browser tests; Ubuntu has it as a snap alone, and they are left out there.
if [ "$1" = test ] && grep -q '^ID=debian$' /etc/os-release 2>/dev/null; then
    wanted+=(chromium)
fi

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    as_root apt-get -o DPkg::Lock::Timeout=600 -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq -y \
        install --no-install-recommends "${missing[@]}" >&2
fi

# The prometheus package starts a daemon; only its promtool is wanted, so the package is unpacked and not installed.
promtool_here() { command -v promtool >/dev/null 2>&1 || [ -x "$sluice_cache/promtool/promtool" ]; }
if [ "$1" = test ] && ! promtool_here; then
    say "fetching promtool"
    unpack=$(mktemp -d)
    trap 'rm -rf "$unpack"' EXIT
    chmod 755 "$unpack"
    (cd "$unpack" && apt-get -qq download prometheus >&2) ||
        die "the prometheus package could not be fetched; install promtool by hand, or run apt-get update as root"
    dpkg-deb -x "$unpack"/prometheus_*.deb "$unpack/files"
    mkdir -p "$sluice_cache/promtool"
    install -m 755 "$unpack/files/usr/bin/promtool" "$sluice_cache/promtool/promtool"
fi
