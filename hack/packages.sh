#!/usr/bin/env bash
# Lists the packages whose tests start a Kubernetes (kubernetes), or all others (plain). They need it to be built
# first, and mostly wait: three at a time keep two processors busy.
set -euo pipefail
cluster=teamtask.dev/test/cluster
list() { go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./...; }
case $1 in
kubernetes) list | grep "$cluster" | cut -d' ' -f1 ;;
plain) list | grep -v "$cluster" | cut -d' ' -f1 ;;
esac
