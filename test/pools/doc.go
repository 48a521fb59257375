// Package pools holds the controllers of Swarms whose workers are pods against a real API server, its StatefulSet and Deployment
// controllers, and managers that are killed after any of their writes.
//
// There are no nodes: a test plays the kubelet of all pods of its namespace, and their programs (node_test.go). A program runs what the
// ConfigMap, or its Assignment, has for it at the moment that it reads it, and writes down each workload the moment that it starts and
// stops it: the test fails the moment that two pods run one. A finalizer in the pods' template keeps a pod that is being deleted until
// its program has stopped, as a kubelet would.
package pools
