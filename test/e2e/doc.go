// Package e2e runs Teamtask as its users do: on a Kubernetes with a node, where a kubelet runs the pods, from images built of
// this tree, installed with the chart. What it shows is what the parts' own tests cannot: that they fit each other.
//
// All tests share one cluster. What must not happen meanwhile to others (the controller is killed, a node is lost, the release is
// uninstalled) is done by tests that run alone; the others run side by side, each in a namespace of its own.
//
// The pods' commands report to a foreman in the test, which can make them wait. So a test knows what is in hand when it pulls a
// plug, and counts how often each item was done without having to trust any log.
//
// Who consumes a workload of a Swarm has a file locked, in a directory of the node. So a second consumer is refused, and says so; and
// the kernel tells the test who consumes what, whatever the objects say.
package e2e
