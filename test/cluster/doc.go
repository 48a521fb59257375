// Package cluster runs a real Kubernetes on this machine, for tests and for trying things out: etcd, the API server, the
// controller manager and the scheduler, each a process of its own, built from their Go modules; and nodes, if asked for.
//
// A control plane alone needs neither root nor anything installed. The first start builds the programs, which takes some
// minutes; they are kept by version in the user's cache directory. A start after that takes seconds.
//
// # Nodes
//
// A node is a small machine of Linux namespaces (processes, mounts, network, host name), in which Debian's containerd, the
// kubelet and kube-proxy run as they would on a machine of their own. All that they mount, start and set goes with its first
// process, so ending that process is pulling the plug: it is how a node is stopped, and how a test loses a machine. Nodes need
// root; the Debian packages that are missing are installed.
//
// Every cluster has a network of its own out of 198.19.0.0/16, addresses that are set aside for tests (RFC 2544), so clusters
// do not meet. Pods reach each other, Services, and this machine at [Cluster.Host]; this machine reaches pods. Nothing is
// routed farther, there is no cluster DNS and no registry: pods run what [Cluster.BuildImage] or [Cluster.LoadImage] gave
// the nodes, with imagePullPolicy Never or IfNotPresent.
//
// The program test/cluster/cmd/teamtask-cluster runs a cluster in the background.
package cluster
