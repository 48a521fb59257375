// Package ozymandias runs three nodes of Ozymandias, as the real program with podman, flannel, CoreDNS and a member of etcd each, and has
// one thing after the other go wrong with them. What comes of it is looked at from outside: what runs is read from the kernel (/proc,
// control groups, mounts), what answers is asked over the network. What the nodes say of themselves is not asked, but for whether a
// change was taken in, and why a node can run nothing.
//
// A [witness] sees the processes of all instances come and go. Of one instance there must never be two, and its epochs must grow. After
// each fault, everything that is wanted runs once, and answers by every ingress and every name; nothing else is left on any machine:
// no processes, pods, volumes, mounts, interfaces.
//
// Beside that, what is written for users is tried on one node each: the commands of docs/ozymandias.md, and the jobs of examples/ozymandias.
//
// # What goes wrong
//
// Each kind of fault comes once, in an order drawn at random, on a node drawn at random; then as many more as -faults says:
//
//	go test ./test/ozymandias/ -v -timeout 2h -args -faults=100 -seed=42
//
// Mostly it is waited for leases to end. So there are two such clusters, and whichever has got over one fault takes the next.
//
// The seed is printed. With -artifacts the logs of the nodes are kept.
//
// # Clocks
//
// The wall clock is set for one node's process only (package clock of the tests). The clock of the machine's uptime (package uptime), on
// which a node counts its lease, nobody can set.
//
// # When the machine has no time
//
// A node that the machine does not run cannot stop anything in time. The witness measures whether it was run itself; if not, two of
// one instance are printed but do not fail the test. No time is asserted; what things took is printed.
package ozymandias
