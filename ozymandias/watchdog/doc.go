// Package watchdog ends a node's instances when its process cannot do so itself, because it was killed, stopped, or waits for podman
// or for a disk.
//
// The watchdog is a process of its own ([Guard]). It is told a time, a later one with each renewal of the node's lease ([Dog.Tell]); if that
// time passes it ends all that runs in the node's control group by SIGKILL, and goes on doing so until it is told a later time. It asks
// nobody, neither etcd nor podman. It outlives the node's process: a node that is started anew finds it by its socket and goes on telling it
// ([Attach]), and a watchdog that itself is killed is replaced by the node as soon as that has a time to tell. Only if both are killed at the
// same moment is nobody left to watch, until a node is started, which begins by ending what it may not run. For that reason it leaves the
// control group in which the node was started, and takes no signal that asks it to end.
package watchdog
