#!/usr/bin/env bash
# The demo on Kubernetes: three pods count the primes below a billion, or the number that is given, and one of them is killed on
# the way. kubectl and KUBECONFIG say on which cluster: `make cluster` starts one.
set -euo pipefail
cd "$(dirname "$0")"
items=${1:-1000000000}
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR-}" ] || say() { printf '\n$ %s\n' "$*"; }
run() { say "$*"; "$@"; }
# until_percent waits until so much of the list is done.
until_percent() {
	local p
	while p=$(kubectl get worklist primes -o 'jsonpath={.status.progress}' | sed 's/[.%].*//'); [ "${p:-0}" -lt "$1" ]; do sleep 0.3; done
}

kubectl delete worklist primes --ignore-not-found --wait >/dev/null
say "kubectl apply -f primes.yaml"
sed "s/end: 1000000000/end: $items/" primes.yaml | kubectl apply -f -
until_percent 1
run kubectl get pods -l teamtask.dev/worklist=primes
run kubectl get blocks
until_percent 30
victim=$(kubectl get pods -l teamtask.dev/worklist=primes --field-selector status.phase=Running -o jsonpath='{.items[0].metadata.name}')
run kubectl delete pod "$victim" --grace-period=0 --force --wait=false 2>/dev/null
until_percent 60
run kubectl get worklists,blocks
run kubectl wait --for=condition=Complete worklist/primes --timeout=30m
run kubectl get worklist primes -o wide
run kubectl get worklist primes -o 'jsonpath={.status.doneRanges}{"\n"}'
run kubectl get events --field-selector "involvedObject.uid=$(kubectl get worklist primes -o 'jsonpath={.metadata.uid}')"
