// Package cluster runs a real Kubernetes on this machine, for tests and for trying things out: etcd, the API server, the
// controller manager and the scheduler, each a process of its own, built from their Go modules.
//
// The first start builds them, which takes some minutes; they are kept by version in the user's cache directory. A start
// after that takes seconds.
package cluster
