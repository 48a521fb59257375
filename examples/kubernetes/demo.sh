#!/usr/bin/env bash
# The demo on Kubernetes: three pods count the primes below a billion, or the number that is given, and one of them is killed on
# the way. kubectl and KUBECONFIG say on which cluster: `make cluster` starts one.
set -euo pipefail
cd "$(dirname "$0")"
items=${1:-1000000000}
list=primes-demo # not the name of the manifest, which may be somebody's
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR-}" ] || say() { printf '\n$ %s\n' "$*"; }
run() { say "$*"; "$@"; }
# until_percent waits until so much of the list is done. It ends the demo if that will not be.
until_percent() {
	local progress=0 stands
	until [ "${progress:-0}" -ge "$1" ]; do
		sleep 0.3
		stands=$(kubectl get worklist $list -o 'jsonpath={.status.progress} {.status.conditions[?(@.type=="Complete")].reason}')
		case $stands in *" Failed" | *" Cancelled")
			echo "the list is over before it is done: $stands" >&2
			exit 1
			;;
		esac
		progress=${stands%%[.% ]*}
	done
}

if kubectl get worklist $list >/dev/null 2>&1; then # of an earlier demo
	run kubectl delete worklist $list
fi
edit="s/name: primes}/name: $list}/; s/end: 1000000000/end: $items/"
say "sed '$edit' primes.yaml | kubectl apply -f -"
sed "$edit" primes.yaml | kubectl apply -f -
until_percent 1
run kubectl get pods -l teamtask.dev/worklist=$list
run kubectl get blocks
until_percent 30
victim=$(kubectl get pods -l teamtask.dev/worklist=$list --field-selector status.phase=Running -o jsonpath='{.items[0].metadata.name}')
run kubectl delete pod "$victim" --grace-period=0 --force --wait=false 2>/dev/null
until_percent 60
run kubectl get worklists,blocks
run kubectl wait --for=condition=Complete worklist/$list --timeout=30m
run kubectl get worklist $list -o wide
run kubectl get worklist $list -o 'jsonpath={.status.doneRanges}{"\n"}'
run kubectl get events --field-selector "involvedObject.uid=$(kubectl get worklist $list -o 'jsonpath={.metadata.uid}')"
printf '\nThe list stays, to be looked at, until you delete it: kubectl delete worklist %s\n' $list
