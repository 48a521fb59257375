#!/usr/bin/env bash
# Starts a Kubernetes with a node on this machine (test/cluster), gives it our images, and installs the chart. Run it again to try
# out what has changed: it goes on from what there is. $1 is the directory for binaries.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(uname)" != Linux ] || [ "$(id -u)" != 0 ]; then
	echo "make cluster: a node is made of namespaces, mounts and cgroups, which takes Linux and root" >&2
	exit 1
fi
bin=$(mkdir -p "$1" && cd "$1" && pwd)
version=dev-$(date +%s)

step() { printf '%3ds  %s\n' "$SECONDS" "$*"; }

step "building"
go build -o "$bin/" ./test/cluster/cmd/teamtask-cluster ./cmd/kubectl-teamtask
images=$bin/images
mkdir -p "$images"
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X teamtask.dev/version.stamped=$version" -o "$images/" ./cmd/teamtask ./cmd/teamtask-controller ./examples/primes
cp /etc/ssl/certs/ca-certificates.crt "$images/"
mkdir -p "$images/root/tmp" && chmod 1777 "$images/root/tmp"
helm=$(hack/helm.sh)

step "starting the cluster"
"$bin/teamtask-cluster" up | sed '/^$/,$d' # how to use it is said below
KUBECONFIG=$("$bin/teamtask-cluster" kubeconfig)
export KUBECONFIG
# Beside the plugin, so that one directory on the PATH will do.
ln -sf "${XDG_CACHE_HOME:-$HOME/.cache}/teamtask/kubernetes-$(go -C test/cluster/tools list -m -f '{{.Version}}' k8s.io/kubernetes)/kubectl" "$helm" "$bin/"
cp --remove-destination "$images/teamtask" cmd/kubectl-teamtask/kubectl_complete-teamtask "$bin/"

step "loading the images"
for image in "teamtask:$version" "teamtask-controller:$version" primes:1; do
	"$bin/teamtask-cluster" build "teamtask.dev/$image" "$images" --file "images/${image%:*}/Containerfile" >/dev/null
done

step "installing the chart"
"$helm" upgrade --install teamtask charts/teamtask --namespace teamtask-system --create-namespace --wait --timeout 3m \
	--set worker.image.tag="$version",controller.image.tag="$version",server.image.tag="$version" >"$images/helm.log" 2>&1 || {
	cat "$images/helm.log" >&2
	"$bin/kubectl" get pods --namespace teamtask-system >&2
	exit 1
}
step "ready"
cat <<END

    export KUBECONFIG=$KUBECONFIG PATH=$bin:\$PATH
    kubectl get worklists,blocks,swarms,assignments
    kubectl teamtask --help
    teamtask-cluster build NAME CONTEXT    # an image of your own, for the node
    make demo-kube       # counts the primes below a billion with three pods, and kills one
    make cluster-down    # ends it, and removes all of it
END
