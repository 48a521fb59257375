#!/usr/bin/env bash
# The demo on Kubernetes: three pods count the primes below a billion, and one of them is killed halfway. kubectl and KUBECONFIG
# say on which cluster: `make cluster` starts one.
set -euo pipefail
cd "$(dirname "$0")"
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR-}" ] || say() { printf '\n$ %s\n' "$*"; }
run() { say "$*"; "$@"; }
# field waits until a field of the list is there, and prints it.
field() { kubectl get worklist primes -o "jsonpath={.status.$1}"; }
percent() { field progress | sed 's/[.%].*//'; }
until_percent() {
	local p
	while p=$(percent); [ "${p:-0}" -lt "$1" ]; do sleep 0.3; done
}

kubectl delete worklist primes --ignore-not-found --wait >/dev/null
run kubectl apply -f primes.yaml
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
run kubectl get events --field-selector involvedObject.kind=Worklist,involvedObject.name=primes
