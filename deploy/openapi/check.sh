#!/usr/bin/env bash
# Tests a daemon with a day of sample traffic against its own OpenAPI document: starts it in a
# folder of its own, lets schemathesis ask, and ends with what that ends with.
#
# Both programs are named by their whole paths.
# Usage: check.sh AGENTPULSE SCHEMATHESIS [ARGUMENTS FOR schemathesis run]
set -euo pipefail

agentpulse=$1 schemathesis=$2
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
data=$folder/data
# A setting of the one who calls would be one of this daemon.
for name in $(compgen -e AGENTPULSE_ || true); do unset "$name"; done
unset XDG_RUNTIME_DIR XDG_CONFIG_HOME
export HOME=$folder

end() {
    kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true
    rm -rf "$folder"
}

"$agentpulse" serve --data-dir "$data" --http 127.0.0.1:0 >"$folder/log" 2>&1 &
daemon=$!
trap end EXIT

ready() {
    test -s "$data/http.addr" && curl -sf "http://$(cat "$data/http.addr")/ready" >/dev/null
}
for _ in $(seq 150); do
    ready && break
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.2
done
ready || { cat "$folder/log" >&2; exit 1; }

"$agentpulse" demo --data-dir "$data" >/dev/null
"$agentpulse" emit --data-dir "$data" >/dev/null <<'EVENTS'
{"event":"stop","agent_id":"checked","agent_name":"checked-agent","status":"failure","duration_ms":7}
EVENTS
# With a key, so that every route is open and those who show none are refused.
key=$("$agentpulse" key create check --scope admin --data-dir "$data" 2>/dev/null)

# From a file: the route that a document was loaded from would not be tried.
address=http://$(cat "$data/http.addr")
curl -sf "$address/api/openapi.json" -o "$folder/openapi.json"
# It leaves a cache where it stands.
cd "$folder"
"$schemathesis" --config-file "$here/schemathesis.toml" run "$folder/openapi.json" \
    --url "$address" --header "Authorization: Bearer $key" "$@"
