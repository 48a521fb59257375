#!/usr/bin/env bash
# Prints the figures that Teamtask is to reach, measured on this machine, clients included. $1 is the directory with the
# binaries. The targets are those of docs/roadmap.md; what is not reached is printed as it is.
set -euo pipefail
PATH=$(cd "${1:-bin}" && pwd):$PATH
limit=${BENCH_SECONDS:-15}s

echo "$(uname -srm), $(nproc) processors, $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo 2>/dev/null), $(teamtask version)"

# value FIELD < json
value() { sed -n "s/^ *\"$1\": \([0-9.e+-]*\),*$/\1/p"; }
# row WHAT VALUE UNIT COMPARISON TARGET
row() {
	awk -v what="$1" -v v="$2" -v unit="$3" -v cmp="$4" -v target="$5" 'BEGIN {
		ok = cmp == ">" ? v > target : v < target
		printf "%-52s %14.6g %-8s %s %-10.10g %s\n", what, v, unit, cmp, target, ok ? "reached" : "NOT REACHED" }'
}

small=$(teamtask bench --items 10 --block-size 1 --workers 1 --batch 1 --limit 1s -o json)
large=$(teamtask bench --items 1000000000000 --workers 1 --batch 1 --limit 1s -o json)
row "create 10^12 items, as a multiple of creating 10" \
	"$(awk -v a="$(value submitSeconds <<<"$large")" -v b="$(value submitSeconds <<<"$small")" 'BEGIN { print a / b }')" times '<' 3

blocks=$(teamtask bench --items 9000000000000000 --block-size 1000 --workers 64 --limit "$limit" -o json)
row "blocks of 1,000 items, 64 workers" "$(value itemsPerSecond <<<"$blocks")" items/s '>' 50000000
row "data directory after that" "$(awk -v b="$(value dataBytes <<<"$blocks")" 'BEGIN { print b / 1e6 }')" MB '<' 200

whole=$(teamtask bench --items 200000000 --block-size 1000 --workers 64 --limit 60s -o json)
row "record of a finished list of 2*10^8 items" "$(value finalStateBytes <<<"$whole")" bytes '<' 1024

single=$(teamtask bench --items 9000000000000000 --block-size 1 --batch 1000 --workers 64 --limit "$limit" -o json)
row "blocks of 1 item, 64 workers" "$(value itemsPerSecond <<<"$single")" items/s '>' 250000

many=$(teamtask bench --items 9000000000000000 --block-size 100 --batch 1 --workers 10000 --rate 5000 --limit "$limit" -o json)
row "10,000 workers, 5,000 exchanges/s: claim p99" "$(value claimP99Millis <<<"$many")" ms '<' 20
row "10,000 workers: exchanges/s that were had" "$(value callsPerSecond <<<"$many")" calls/s '>' 4900
row "10,000 workers: server memory" "$(awk -v b="$(value serverMemoryBytes <<<"$many")" 'BEGIN { print b / 1e6 }')" MB '<' 500

# kill -9, start again, and the time until the next block is handed out.
dir=$(mktemp -d)
trap 'kill -9 $server 2>/dev/null || true; rm -rf "$dir"' EXIT
start() {
	rm -f "$dir/url"
	teamtask serve --listen 127.0.0.1:0 --data-dir "$dir" 2>/dev/null &
	server=$!
	until [ -s "$dir/url" ]; do sleep 0.01; done
	TEAMTASK_SERVER=$(cat "$dir/url")
	TEAMTASK_TOKEN=$(cat "$dir/token")
	export TEAMTASK_SERVER TEAMTASK_TOKEN
}
claim() {
	curl -sf -H "Authorization: Bearer $TEAMTASK_TOKEN" -H 'Content-Type: application/json' \
		-d '{"worker":"w","blocks":100}' "$TEAMTASK_SERVER/v1/worklists/killed/blocks/claim" | grep -q '"index"'
}
start
teamtask create killed --size 1000000000 >/dev/null
claim
disown $server
kill -9 $server
begun=$(date +%s%N)
start
until claim; do sleep 0.01; done
row "kill -9: until blocks are handed out again" "$(awk -v ns=$(($(date +%s%N) - begun)) 'BEGIN { print ns / 1e9 }')" s '<' 3
