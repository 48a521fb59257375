#!/usr/bin/env bash
# Lists the packages whose tests start a Kubernetes (kubernetes), or all others (plain). The first run one after the other: two
# control planes at a time are more than a small machine bears.
set -euo pipefail
cluster=teamtask.dev/test/cluster
list() { go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./...; }
case $1 in
kubernetes) list | grep "$cluster" | cut -d' ' -f1 ;;
plain) list | grep -v "$cluster" | cut -d' ' -f1 ;;
esac
