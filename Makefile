# Everything a contributor needs works on a fresh clone with Go; what the tests need beside it, `make test` installs on Debian.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
BIN     := bin
STATICCHECK := v0.8.2
LDFLAGS := -s -w -X teamtask.dev/version.stamped=$(VERSION)

.PHONY: help build generate demo demo-swarm demo-ozymandias programs cluster demo-kube cluster-down test bench bench-peers lint clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the programs into bin/
	go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/...
	cp cmd/kubectl-teamtask/kubectl_complete-teamtask $(BIN)/

demo: build ## Count the primes below 20 million with four workers, killing one
	go build -trimpath -o $(BIN)/primes ./examples/primes
	./examples/primes/demo.sh $(BIN)

demo-swarm: build ## Share 26 streams out among workers that come, go and are killed
	go build -trimpath -o $(BIN)/stream ./examples/streams
	./examples/streams/demo.sh $(BIN)

demo-ozymandias: build programs ## Run a web application on three nodes on this machine, killing one (as root)
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/webapp ./examples/webapp
	./examples/webapp/demo.sh $(BIN)

programs: ## Put CoreDNS and flannel into bin/, for ozymandias; the first time it takes minutes
	@mkdir -p $(BIN)
	go run ./hack/programs $(BIN)

generate: ## Generate the CustomResourceDefinitions and deep copies from api/v1alpha1
	go run ./hack/crds

cluster: ## Start a Kubernetes with a node on this machine, and install Teamtask on it (as root)
	./hack/cluster.sh $(BIN)

demo-kube: ## Count the primes below a billion on it with three pods, killing one
	@[ -x $(BIN)/teamtask-cluster ] || { echo "no cluster runs: start one with make cluster"; exit 1; }
	@config=$$($(BIN)/teamtask-cluster kubeconfig) && KUBECONFIG=$$config PATH="$(abspath $(BIN)):$$PATH" ./examples/kubernetes/demo.sh

cluster-down: ## End it, and remove all of it
	go run ./test/cluster/cmd/teamtask-cluster down

lint: ## Check formatting and the code's soundness
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	cd bench/peers && go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) ./...

test: lint ## Run all tests, with the race detector
	@for program in gcc ip curl podman runc conmon catatonit iptables mkfs.ext4 nsenter mount pgrep /usr/lib/podman/netavark; do \
		command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	[ -z "$$missing" ] || { echo "installing what is missing:$$missing"; apt-get update -q && \
		apt-get install -qy gcc libc6-dev iproute2 curl podman runc conmon catatonit iptables netavark aardvark-dns uidmap e2fsprogs util-linux mount procps; }
	go run ./hack/programs
	CGO_ENABLED=1 go test -race -p 3 -timeout 30m $$(./hack/packages.sh plain)
	CGO_ENABLED=1 go test -race -timeout 30m $$(./hack/packages.sh nodes)
	go run ./test/cluster/cmd/teamtask-cluster prepare
	CGO_ENABLED=1 go test -race -p 3 -timeout 40m $$(./hack/packages.sh kubernetes)
	cd bench/peers && go test ./...

bench: build programs ## Print the figures Teamtask is to reach, measured on this machine (those of Ozymandias as root)
	./bench/figures.sh $(BIN)
	go run ./bench/kubernetes -bin $(BIN)
	go run ./bench/ozymandias -bin $(BIN) $(if $(BENCH_SECONDS),-limit $(BENCH_SECONDS)s)
	cd bench/peers && go run ./swarm && go run ./placement

bench-peers: build ## Measure other queues and GNU parallel beside Teamtask (installs them)
	./bench/peers/install.sh
	cd bench/peers && go run . -teamtask ../../$(BIN)/teamtask

clean: ## Remove what was built
	rm -rf $(BIN)
