// Package swarms is where workers join a Swarm in Kubernetes: a [Door] for package member, over Assignment objects.
//
// The Assignment named SWARM.WORKER stands for a worker. Its spec is what the worker is to run, which the Swarm's controller writes;
// its status is the worker's: under which incarnation it is there, when it last said so, and which version it runs.
//
//	door := &swarms.Door{Client: c, Namespace: "default", Swarm: "streams"}
//	err := member.Run(ctx, door, member.Worker{Name: pod}, member.Options{}, apply)
//
// # Who is there
//
// To join is to write a new, random incarnation into a status that has none. One that has another's is left alone: the controller
// takes it away when its worker was not heard of for a lease, or its pod is gone. The exceptions are this process's own, after it has lost
// its session, and that of a former process in the same pod, whose container has crashed: a worker stops whatever they left running
// before it joins, so that nobody needs to wait.
//
// # Cost
//
// A worker watches one object, by its name (a watch by any other field is paid for by all, see package kube), and renews its lease
// with a patch that names only what changes, on condition that the incarnation is still its own: writes of the spec are in nobody's way.
package swarms
