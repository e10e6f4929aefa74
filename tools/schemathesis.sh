#!/usr/bin/env bash
# The API as a hostile client meets it: every call of openapi.json with made-up and with broken data, as each role of a demo.
# Fails on a 5xx, on a status, type or body that is not described, and on broken data that is taken. By hand, since it needs
# the network once: schemathesis goes into a venv in the user's cache.
#   tools/schemathesis.sh [ROLE...]      EXAMPLES=3 a call, SEED=1, PORT_BASE=21000; results in schemathesis-results
set -euo pipefail
# shellcheck source=tools/env.sh
. "$(dirname "$0")/env.sh"

version=4.32.5
venv=$sluice_cache/schemathesis-$version
port=${PORT_BASE:-21000}
api=http://127.0.0.1:$port
results=$root/schemathesis-results
# Those who can change for others what they may do come last.
roles=(operator unit_principal unit_admin owner_maintainer export_officer incident_commander metrics_reader service
    bureau_approver catalogue_admin audit_admin system_admin security_admin)
[ "$#" -gt 0 ] && roles=("$@")

if [ ! -x "$venv/bin/schemathesis" ]; then
    say "fetching schemathesis $version once for this machine"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "schemathesis==$version"
fi
"$root/tools/cargo.sh" build --release --locked --quiet --bin sluice

data=$(mktemp -d)
demo=
finish() {
    [ -z "$demo" ] || { kill -INT "$demo" && wait "$demo"; } || true
    rm -rf "$data"
}
trap finish EXIT
"${SLUICE_TARGET_DIR:-$user_cache/sluice-target}/release/sluice" demo --data "$data/demo" --cameras 2 --port-base "$port" \
    >"$data/log" 2>&1 &
demo=$!
for _ in $(seq 120); do
    grep -q '^ready' "$data/log" && break
    kill -0 "$demo" 2>/dev/null || die "the demo ended: $(tail -n 3 "$data/log")"
    sleep 0.5
done
grep -q '^ready' "$data/log" || die "the demo was not ready within a minute: $(tail -n 3 "$data/log")"

# Signs in as a role of demo.json, with RFC 6238's code where it has a second factor; prints the token. A code is good once,
# so a refusal is asked again with the next one.
sign_in() {
    python3 - "$data/demo/demo.json" "$1" <<'PYTHON'
import base64, hashlib, hmac, json, struct, sys, time, urllib.error, urllib.request

demo = json.load(open(sys.argv[1]))
account = demo["accounts"][sys.argv[2]]


def code(secret):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = mac[-1] & 15
    return "%06d" % ((struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFFFFFF) % 10**6)


def token():
    body = {"user": account["user"], "password": account["password"]}
    if account.get("otp_secret"):
        body["otp"] = code(account["otp_secret"])
    request = urllib.request.Request(
        demo["api"] + "/api/v1/login", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    return json.load(urllib.request.urlopen(request, timeout=10))["token"]


try:
    print(token())
except urllib.error.HTTPError:
    time.sleep(31)
    print(token())
PYTHON
}

# One run as a role. Absent: the stateful phase, which follows none of the links it infers from this description; and
# positive_data_acceptance: no schema says which cameras and people there are.
attack() {
    local role=$1 token
    shift
    token=$(sign_in "$role") || die "$role could not sign in"
    (cd "$data" && "$venv/bin/schemathesis" run "$api/openapi.json" -H "Authorization: Bearer $token" \
        --checks all --exclude-checks positive_data_acceptance --request-timeout 15 --seed "${SEED:-1}" \
        --max-examples "${EXAMPLES:-3}" --workers 1 --continue-on-failure --no-shrink --no-color "$@")
}

mkdir -p "$results"
failed=0
# What ends or changes the sign-in itself is tried apart, so that it does not make everything after it a 401.
own='/api/v1/(login|logout|me)(/|$)'
for role in "${roles[@]}"; do
    out=$results/$role.txt
    attack "$role" --exclude-path-regex "$own" --phases examples,coverage,fuzzing >"$out" 2>&1 || failed=1
    say "$role: $(grep -E ' generated, ' "$out" | xargs || true)"
    # A run of 401s would pass too: the token has to be good to the end, except where the run signed itself out.
    ! grep -qE '^401 Unauthorized \([0-9]{2,} operations\)' "$out" || { say "$role: met 401 throughout"; failed=1; }
done
attack "${roles[0]}" --include-path-regex "$own" --phases examples,coverage,fuzzing >"$results/own.txt" 2>&1 || failed=1
say "signing in and out: $(grep -E ' generated, ' "$results/own.txt" | xargs || true)"
[ "$failed" = 0 ] || die "findings: see $results"
