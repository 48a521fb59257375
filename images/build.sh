#!/usr/bin/env bash
# Builds images by name with podman, all if none is named: images/build.sh teamtask primes
# PREFIX is put before the names; VERSION is the tag, by default that which the chart and config/ name. What podman needs beside goes
# into PODMAN.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PREFIX:=teamtask.dev/}" "${VERSION:=$(sed -n 's/^appVersion: *//p' charts/teamtask/Chart.yaml)}" "${PODMAN:=podman}"
declare -A programs=([teamtask]=./cmd/teamtask [teamtask-controller]=./cmd/teamtask-controller [primes]=./examples/primes)
declare -A tags=([primes]=1) # an example of a user's image, with a version of its own
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp /etc/ssl/certs/ca-certificates.crt "$context/"
mkdir -p "$context/root/tmp" && chmod 1777 "$context/root/tmp"
[ $# -gt 0 ] || set -- "${!programs[@]}"
for name; do
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X teamtask.dev/version.stamped=$VERSION" -o "$context/$name" "${programs[$name]:?there is no image $name}"
	$PODMAN build --file "images/$name/Containerfile" --tag "$PREFIX$name:${tags[$name]:-$VERSION}" \
		--build-arg "VERSION=$VERSION" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" "$context"
done
