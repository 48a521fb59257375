#!/usr/bin/env bash
# Prints where helm is, built into the user's cache if it is not there yet: once, whoever asks meanwhile.
set -euo pipefail
version=v4.3.1
dir=${XDG_CACHE_HOME:-$HOME/.cache}/teamtask/helm-$version
if [ ! -x "$dir/helm" ]; then
	mkdir -p "$dir"
	exec 9>"$dir/lock"
	flock 9
	[ -x "$dir/helm" ] || GOBIN=$dir GOFLAGS= CGO_ENABLED=0 go install "helm.sh/helm/v4/cmd/helm@$version" >&2
fi
echo "$dir/helm"
