#!/usr/bin/env bash
# Starts a Kubernetes with a node on this machine (test/cluster), gives it our images, and installs the chart. Run it again to try
# out what has changed: it goes on from what there is. $1 is the directory for binaries; HELM is helm, if it is not to be built.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(mkdir -p "$1" && cd "$1" && pwd)
version=dev-$(date +%s)

step() { printf '%3ds  %s\n' "$SECONDS" "$*" >&2; }

step "building"
go build -o "$bin/" ./test/cluster/cmd/teamtask-cluster ./cmd/kubectl-teamtask
images=$bin/images
mkdir -p "$images"
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X teamtask.dev/version.stamped=$version" -o "$images/" ./cmd/teamtask ./cmd/teamtask-controller ./examples/primes
cp /etc/ssl/certs/ca-certificates.crt "$images/"
helm=$(hack/helm.sh)

"$bin/teamtask-cluster" up
KUBECONFIG=$("$bin/teamtask-cluster" kubeconfig)
export KUBECONFIG

step "loading the images"
for image in teamtask teamtask-controller; do
	"$bin/teamtask-cluster" build "teamtask.dev/$image:$version" "$images" --file "images/$image/Containerfile" >/dev/null
done
"$bin/teamtask-cluster" build teamtask.dev/primes:1 "$images" --file images/primes/Containerfile >/dev/null

step "installing the chart"
"$helm" upgrade --install teamtask charts/teamtask --namespace teamtask-system --create-namespace --wait --timeout 3m --hide-notes \
	--set worker.image.tag="$version",controller.image.tag="$version",server.image.tag="$version" >&2
# kubectl, and the plugin beside it.
ln -sf "${XDG_CACHE_HOME:-$HOME/.cache}"/teamtask/kubernetes-*/kubectl "$bin/"
step "ready"
cat <<END

    export KUBECONFIG=$KUBECONFIG PATH=$bin:\$PATH
    make demo-kube       # counts the primes below a billion with three pods
    make cluster-down    # ends it, and removes all of it
END
