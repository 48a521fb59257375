#!/usr/bin/env bash
# Builds the image teamtask-examples and writes it to standard output, for a cluster to load:
#
#   examples/ozymandias/build.sh | ozymandias image load
#
# The first argument is the directory with the programs, if they are built already. They have no C in them. What podman needs beside
# goes into PODMAN.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${PODMAN:=podman}"
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/root/tmp"
chmod 1777 "$context/root/tmp"
if [ $# -gt 0 ]; then
	cp "$1"/{teamtask,primes,stream} "$context/"
else
	(cd "$here/../.." && for of in teamtask=cmd/teamtask primes=examples/primes stream=examples/streams; do
		CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$context/${of%=*}" "./${of#*=}"
	done)
fi
$PODMAN build --quiet --file "$here/Containerfile" --tag teamtask-examples "$context" >&2
$PODMAN save teamtask-examples
