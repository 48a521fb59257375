#!/usr/bin/env bash
# Builds images by name with podman, all if none is named: images/build.sh teamtask primes
# PREFIX is put before the names, VERSION is the tag; what podman needs beside goes into PODMAN.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PREFIX:=teamtask.dev/}" "${VERSION:=$(git describe --tags --always --dirty 2>/dev/null || echo devel)}" "${PODMAN:=podman}"
declare -A programs=([teamtask]=./cmd/teamtask [teamtask-controller]=./cmd/teamtask-controller [primes]=./examples/primes)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp /etc/ssl/certs/ca-certificates.crt "$context/"
[ $# -gt 0 ] || set -- "${!programs[@]}"
for name; do
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X teamtask.dev/version.stamped=$VERSION" -o "$context/$name" "${programs[$name]:?there is no image $name}"
	$PODMAN build --file "images/$name/Containerfile" --tag "$PREFIX$name:$VERSION" \
		--build-arg "VERSION=$VERSION" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" "$context"
done
