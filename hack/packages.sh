#!/usr/bin/env bash
# Lists the packages whose tests start a Kubernetes (kubernetes), which has to be built first; whose tests have whole clusters of nodes lose
# machines (nodes), which is for nothing else to do to them, so they run by themselves; or all others (plain). They mostly wait: three
# at a time keep two processors busy.
set -euo pipefail
cluster=teamtask.dev/test/cluster nodes=teamtask.dev/test/ozymandias
list() { go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./...; }
case $1 in
kubernetes) list | grep "$cluster" | cut -d' ' -f1 ;;
nodes) echo $nodes ;;
plain) list | grep -v "$cluster" | cut -d' ' -f1 | grep -vx $nodes ;;
esac
