#!/usr/bin/env bash
# Holds the generator against wrk: the same server, the same request, the same connections, in turn.
# Needs wrk, curl and the release binaries; `make compare-wrk` builds those.
#   BIN=FOLDER      where creneau and creneau-loadgen are
#   ROUNDS=5        rounds, each of wrk and then the generator
#   SECONDS_EACH=8  seconds of each
#   CONNECTIONS=16  callers in a closed loop
# Server and generators get a core each where there are two, so that neither takes from the other.
set -euo pipefail

BIN=${BIN:?the folder of creneau and creneau-loadgen}
ROUNDS=${ROUNDS:-5}
SECONDS_EACH=${SECONDS_EACH:-8}
CONNECTIONS=${CONNECTIONS:-16}
for tool in wrk curl taskset; do
	command -v "$tool" >/dev/null || { echo "$tool is not there" >&2; exit 1; }
done
if [ "$(nproc)" -ge 2 ]; then server_core=(taskset -c 0); core=(taskset -c 1); else server_core=(); core=(); fi

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

"${server_core[@]}" "$BIN/creneau" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/ready" 2>"$work/log" &
server=$!
for _ in $(seq 300); do
	grep -q '^ready on ' "$work/ready" && break
	kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
	sleep 0.1
done
url=$(sed -n 's/^ready on //p' "$work/ready")

post() { # PATH BODY
	curl -sSf -H 'content-type: application/json' -d "$2" "$url$1"
}
field() { # NAME: the first string of that name
	sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -1
}
hours='["08:00-20:00"]'
calendar=$(post /v1/calendars "{\"location\":{\"name\":\"Gauge\"},\"time_zone\":\"Europe/Paris\",\"grid_minutes\":5,
	\"lanes\":1,\"horizon_days\":30,\"reasons\":[{\"id\":\"visit\",\"name\":\"Visit\",\"duration_minutes\":5}],
	\"weekly_hours\":{\"monday\":$hours,\"tuesday\":$hours,\"wednesday\":$hours,\"thursday\":$hours,
	\"friday\":$hours,\"saturday\":$hours,\"sunday\":$hours}}" | field calendar_id)
from=$(date -u -d '+2 days' +%F)
listing="/v1/calendars/$calendar/slots?reason=visit&from=$from&days=1&limit=24"
start=$(curl -sSf "$url$listing" | grep -o '"start":"[^"]*"' | head -1 | cut -d'"' -f4)
hold() { # PATIENT
	printf '{"calendar_id":"%s","start":"%s","reason":"visit","patient_id":"%s"}' "$calendar" "$start" "$1"
}
held=$(post /v1/holds "$(hold first)" | field hold_id)
curl -sSf -X POST "$url/v1/holds/$held/confirm" >/dev/null

cat >"$work/gauge.lua" <<'LUA'
local body = os.getenv("BODY") or ""
if body ~= "" then
	wrk.method = "POST"
	wrk.body = body
	wrk.headers["Content-Type"] = "application/json"
end
function done(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format("WRK %d %f %.3f %.3f %.3f %d\n", summary.requests,
		summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
		latency:percentile(90) / 1e3, latency:percentile(99) / 1e3,
		errors.connect + errors.read + errors.write + errors.timeout))
end
LUA

number() { # JSON NAME: the last of that name
	grep -o "\"$2\":[0-9.e-]*" <<<"$1" | tail -1 | cut -d: -f2
}
first() { # JSON NAME: the first of that name
	grep -o "\"$2\":[0-9.e-]*" <<<"$1" | head -1 | cut -d: -f2
}
round() { # CALL
	local out json body=
	[ "$1" = slots ] || body=$(hold second)
	out=$(BODY="$body" "${core[@]}" wrk -t1 -c"$CONNECTIONS" -d"${SECONDS_EACH}s" \
		-s "$work/gauge.lua" "$url$([ "$1" = slots ] && echo "$listing" || echo /v1/holds)")
	# shellcheck disable=SC2046
	set -- "$1" $(sed -n 's/^WRK //p' <<<"$out")
	echo "$1 wrk $3 $4 $5 $6 $7" | tee -a "$work/rounds"
	local what=(slots --calendar "$calendar" --reason visit --from "$from" --days 1 --limit 24)
	[ "$1" = slots ] || what=(hold --calendar "$calendar" --reason visit --start "$start" --patient second)
	json=$("${core[@]}" "$BIN/creneau-loadgen" gauge --target "$url" --connections "$CONNECTIONS" \
		--seconds "$SECONDS_EACH" "${what[@]}")
	echo "$1 ours-raw $(number "$json" per_second) $(first "$json" p50_ms) $(first "$json" p90_ms)" \
		"$(first "$json" p99_ms) $(first "$json" errors)" | tee -a "$work/rounds"
	echo "$1 ours $(number "$json" per_second) $(number "$json" p50_ms) $(number "$json" p90_ms)" \
		"$(number "$json" p99_ms) $(first "$json" errors)" | tee -a "$work/rounds"
}

echo "call generator requests/s p50_ms p90_ms p99_ms errors"
for _ in $(seq "$ROUNDS"); do
	round slots
	round hold
done
echo
echo "medians (least to most) of $ROUNDS rounds; ours-raw is without wrk's correction"
for call in slots hold; do
	for who in wrk ours ours-raw; do
		line="$call $who"
		for column in 3 4 5 6; do
			line="$line | $(grep "^$call $who " "$work/rounds" | cut -d' ' -f"$column" | sort -g | awk '
				{ v[NR] = $1 }
				END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
					printf "%.4g (%.4g to %.4g)", m, v[1], v[NR] }')"
		done
		echo "$line"
	done
done
