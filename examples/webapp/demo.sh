#!/usr/bin/env bash
# The demo of Ozymandias: three nodes on this machine, each in a network namespace with a podman of its own. A web application is
# spread over them, a node is killed, the application is scaled and deployed anew under load. $1 is the directory with the binaries. It
# needs root, and leaves nothing behind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-bin}" && pwd)
[ "$(id -u)" = 0 ] || { echo "the demo makes networks and runs containers: run it as root"; exit 1; }
PATH=$bin:$PATH
dir=$(mktemp -d /tmp/oz.XXXX) # short: it has sockets
id=$(basename "$dir")
id=${id#oz.}
net=10.$((RANDOM % 100 + 100)).$((RANDOM % 250))
declare -A pids=()
load=

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR-}" ] || say() { printf '\n%s\n' "$*"; }
oz() { say "\$ ozymandias $*"; ozymandias --run-dir "$dir/$at/run" "$@"; }
quiet() { ozymandias --run-dir "$dir/$at/run" "$@"; }
at=n1

finish() {
	code=$?
	trap - EXIT
	[ $code = 0 ] || tail -n 30 "$dir"/*.log
	say 'The nodes stop what they run, and leave.'
	kill $load 2>/dev/null || true
	kill -INT ${pids[@]+"${pids[@]}"} 2>/dev/null || true
	for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" || true; done
	for n in n1 n2 n3; do
		nsenter --net="/run/netns/$n-$id" ozymandias reset --yes --name $n --data-dir "$dir/$n/data" --run-dir "$dir/$n/run" >/dev/null || code=1
		ip netns delete "$n-$id" || code=1
	done
	ip link delete "oz-$id" || code=1
	podman --root "$dir/build" --runroot "$dir/build-run" system reset --force >/dev/null 2>&1 || true
	rm -rf "$dir" || code=1
	exit $code
}
trap finish EXIT

# A network of three machines, and of this one as their user's.
ip link add "oz-$id" type bridge
ip address add "$net.254/24" dev "oz-$id"
ip link set "oz-$id" up
machine() { # $1 with address $2
	ip netns add "$1-$id"
	ip link add "$1-$id" type veth peer name eth0 netns "$1-$id"
	ip link set "$1-$id" master "oz-$id" up
	ip -n "$1-$id" address add "$2/24" dev eth0
	ip -n "$1-$id" link set eth0 up
	ip -n "$1-$id" link set lo up
	ip -n "$1-$id" route add default via "$net.254"
}
node() { # $1 at address $2, with the flags that follow
	local name=$1 address=$2
	shift 2
	mkdir -p "$dir/$name/run"
	nsenter --net="/run/netns/$name-$id" ozymandias node --name "$name" --address "$address" --data-dir "$dir/$name/data" --run-dir "$dir/$name/run" \
		--memory 1G --disk 1G "$@" >>"$dir/$name.log" 2>&1 &
	pids[$name]=$!
}
# until_it repeats a command until it succeeds; a minute and a half is too long.
until_it() {
	local end=$((SECONDS + 90))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "waited in vain for: $*"; return 1; }
		sleep 0.2
	done
}
for i in 1 2 3; do machine n$i "$net.$i"; done

say '$ ozymandias node                                  (on n1, which founds a cluster)'
node n1 "$net.1"
until_it quiet get nodes
say '$ ozymandias node --join n1 --token-file token     (on n2 and n3)'
quiet token join >"$dir/token"
node n2 "$net.2" --join "$net.1" --token-file "$dir/token"
node n3 "$net.3" --join "$net.1" --token-file "$dir/token"
ready() { [ "$(quiet get nodes --no-headers | grep -c ' Ready ')" = "$1" ]; }
until_it ready 3
oz get nodes

say '$ podman build -t web-app-image . && podman save web-app-image | ozymandias image load'
cp "$here/Dockerfile" "$bin/webapp" "$dir/"
podman --root "$dir/build" --runroot "$dir/build-run" --runtime runc build -q -t web-app-image "$dir" >/dev/null
podman --root "$dir/build" --runroot "$dir/build-run" save web-app-image | quiet image load

cp "$here/simple-webapp.yaml" "$dir/"
oz apply -f "$dir/simple-webapp.yaml"
oz rollout status simple-webapp
oz get jobs,instances

ask() { curl -sf -m 5 -H 'Host: simple-webapp.example' "http://$1/"; }
# knows waits until the node at $1 has heard of the instances, and asks it: that may be a moment after others have.
knows() {
	until_it ask "$1"
	ask "$1"
}
say "\$ curl -H 'Host: simple-webapp.example' http://ANY-NODE/"
for i in 1 2 3; do knows "$net.$i"; done

say 'By name, from within a container:'
oz exec simple-webapp-0 -c app -- /webapp get http://simple-webapp.ozymandias.internal:3000/

say '$ kill -9 NODE     (n2; a process beside it ends what it ran)'
kill -9 "${pids[n2]}"
wait "${pids[n2]}" 2>/dev/null || true
unset 'pids[n2]'
killed=$(date +%s%N)
# elsewhere tells whether all are healthy, none of them on n2.
elsewhere() {
	quiet get instances --no-headers >"$dir/instances"
	! grep -q ' n2 ' "$dir/instances" && [ "$(grep -c ' yes ' "$dir/instances")" = "$1" ]
}
until_it elsewhere 3
took=$((($(date +%s%N) - killed) / 100000000))
oz get instances
echo "All are healthy again $((took / 10)).$((took % 10)) s after the kill, of which the lease is 7."
for i in 1 3; do knows "$net.$i"; done

oz scale simple-webapp 5
until_it elsewhere 5
oz get instances

say 'A new version, under load through both nodes:'
webapp load simple-webapp.example "$net.1" "$net.3" >"$dir/load" &
load=$!
sed -i 's/VERSION: "1"/VERSION: "2"/' "$dir/simple-webapp.yaml"
sed -i 's/numInstances: 3/numInstances: 5/' "$dir/simple-webapp.yaml"
oz apply -f "$dir/simple-webapp.yaml"
oz rollout status simple-webapp
sleep 1
kill $load
failed=0
wait $load || failed=1
load=
cat "$dir/load"
ask "$net.1" | grep '"version":"2"'
[ $failed = 0 ] || { echo "a deploy is to fail no request"; exit 1; }

say '$ ozymandias node                                  (n2 is back: what has a volume elsewhere stays there, a new one comes)'
node n2 "$net.2"
until_it ready 3
oz scale simple-webapp 6
filled() { quiet get instances --no-headers | grep -q ' yes .* n2 '; }
until_it filled
oz get nodes,instances

oz delete job simple-webapp
