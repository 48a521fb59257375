#!/usr/bin/env bash
# The demo of swarms: 26 streams on two workers, a third that comes and goes, and one that is killed. Each stream checks that it
# has one consumer at a time. Uses the teamtask command as anybody would. $1 is the directory with the binaries.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-bin}" && pwd)
PATH=$bin:$PATH
dir=$(mktemp -d)
declare -A pids=()
server=
finish() {
	kill ${pids[@]+"${pids[@]}"} 2>/dev/null || true
	for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" 2>/dev/null || true; done # workers say goodbye to the server
	kill $server 2>/dev/null || true
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

join() { # as worker $1
	mkdir -p "$dir/streams"
	teamtask join streams --worker "$1" -- stream -dir "$dir/streams" '{workload}' '{epoch}' 2> >(sed -u -n "/^started \|^stopped /!s/^/  $1  /p" >&2) &
	pids[$1]=$!
}
# settled waits until $1 workers run all streams.
settled() {
	until [ "$(teamtask get swarm streams -o json | tr -d ' \n' | grep -cE "\"current\":\"$1/$1\".*\"type\":\"Converged\",\"status\":\"True\"")" = 1 ]; do sleep 0.2; done
	teamtask get swarms
	teamtask get assignments
}
began() { grep -c ' began ' "$dir/streams/log"; }

say '$ teamtask apply -f streams.yaml'
teamtask apply -f "$here/streams.yaml"

say '$ teamtask join streams --worker w1 -- stream {workload} {epoch} &     (it gets all 26)'
join w1
settled 1

# comes has another worker, $1, be the $2nd, and counts what moves; $3 is the least.
comes() {
	say "$ teamtask join streams --worker $1 -- stream {workload} {epoch} &"
	before=$(began)
	join "$1"
	settled "$2"
	until moved=$(($(began) - before)) && [ "$moved" -ge "$3" ]; do sleep 0.1; done # the last of them are starting
	echo "moved: $moved of 26"
	[ "$moved" = "$3" ] || { echo "that is not the least: $3"; exit 1; }
}
comes w2 2 13
comes w3 3 8

say '$ kill w3     (it gives its streams away, then ends)'
kill "${pids[w3]}"
wait "${pids[w3]}" || true
settled 2

say '$ kill -9 w2     (its streams are owned again once its lease of 15s and the patience of 1s are over)'
kill -9 "${pids[w2]}"
wait "${pids[w2]}" 2>/dev/null || true
settled 1

say '$ teamtask describe swarm streams'
teamtask describe swarm streams

! grep ' refused ' "$dir/streams/log" || { echo "a stream had two owners"; exit 1; }
awk '$3 == "began" { n++; of[$4]++ } END { printf "\n%d times a stream was taken over, each time by one who was alone with it.\n", n }' "$dir/streams/log"
