#!/usr/bin/env bash
# The demo: count the primes below 20 million with four workers, one of which is killed halfway.
# Uses the teamtask command as anybody would. $1 is the directory with the binaries.
set -euo pipefail
bin=$(cd "${1:-bin}" && pwd)
PATH=$bin:$PATH
dir=$(mktemp -d)
workers=()
server=
finish() {
	kill ${workers[@]+"${workers[@]}"} $server 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap finish EXIT
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR-}" ] || say() { printf '\n%s\n' "$*"; }

say '$ teamtask serve &'
teamtask serve --listen 127.0.0.1:0 --data-dir "$dir/data" 2>"$dir/server.log" &
server=$!
until [ -s "$dir/data/url" ]; do
	kill -0 $server 2>/dev/null || { cat "$dir/server.log"; exit 1; }
	sleep 0.1
done
TEAMTASK_SERVER=$(cat "$dir/data/url")
TEAMTASK_TOKEN=$(cat "$dir/data/token")
export TEAMTASK_SERVER TEAMTASK_TOKEN

say '$ teamtask create primes --range 1..20000000'
teamtask create primes --range 1..20000000 --block-time 500ms --block-timeout 3s --keep Items --keep-output 64

say '$ teamtask work primes -j1 -- primes -trial {start} {end} &     (four times)'
for i in 1 2 3 4; do
	teamtask work primes -j1 --name "worker-$i" -- primes -trial '{start}' '{end}' >/dev/null 2>"$dir/worker-$i.log" &
	workers+=($!)
done

say '$ teamtask watch primes'
teamtask watch primes &
watch=$!
done_items() { teamtask get worklist primes -o json | sed -n 's/^    "done": \([0-9]*\).*/\1/p'; }
while [ "$(done_items)" -lt 10000000 ]; do sleep 0.2; done
kill -9 "${workers[1]}"; wait "${workers[1]}" 2>/dev/null || true
say "half of it is done: killed worker-2 (kill -9), with what it had in hand"
teamtask get blocks primes -o wide
wait $watch

say '$ teamtask describe primes'
teamtask describe primes

say "$ teamtask results primes -o csv     (summed up)"
primes=$(teamtask results primes -o csv | awk -F, 'NR > 1 { n += $NF } END { printf "%d", n }')
echo "primes below 20,000,000: $primes"
[ "$primes" = 1270607 ] || { echo "that is wrong: there are 1270607"; exit 1; }
teamtask certificate primes >"$dir/certificate.json"
teamtask certificate --verify "$dir/certificate.json"
