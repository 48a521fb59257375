// Package assignments is the engine that finds out what each worker of a Swarm runs: it looks at one Assignment, at the pod of its
// worker and, where parts are published in a ConfigMap, at that. What is granted to whom is none of its business.
//
// # Workers that watch (refresh Watch)
//
// An agent beside the program acknowledges what it runs, and renews a lease in the Assignment's status. Only that it is changed
// counts, and when this controller saw it change, by its own clock. One that is silent for the lease and a tenth is held to be gone,
// and so is one whose pod is gone: its incarnation is taken off the status, by a write that fails if it was heard of in the meantime.
// An incarnation that was taken off never comes back. A controller that begins anew gives everybody the full time once more.
//
// # Workers that know nothing of Teamtask (refresh Reload and Restart)
//
// Their programs read the ConfigMap, and this controller acknowledges for them. Their incarnation is the slot, the Assignment's UID,
// which outlives any pod: as pods come and go under one name, one after the other, what is acknowledged holds for those to come. A
// slot is never gone; while it has no pod it is not there, and runs nothing.
//
// What a pod has read is known from an order of reads and writes. Each look reads the Assignment, then the ConfigMap, then the pod,
// each from the API server itself, and then writes the Assignment on condition that it has not changed:
//
//	published  the version of the entry in the ConfigMap, before
//	pod        the pod that was seen afterwards
//	reads      for a pod that was not seen before: what published was before this look
//
// The pod was not there at the look before, when that entry was in the ConfigMap already, so it has read that or a later one. Where
// the status says so of the entry that has the Assignment's workloads, or that there is no pod, the version is acknowledged. It rests on
// the kubelet: when it starts a pod it must have heard of what was in the ConfigMap before the pod was made.
//
// With Restart a pod that may have read an older entry is deleted, once the status holds that its successor reads the present one:
// once for each change of its part, and no more. With Reload the kubelet is hurried, and the pod is asked which version it runs; one
// that does not say so in time is restarted in the same way.
//
// # Deciding and acting
//
// [Decide] is pure. The reconciler reads, decides, and writes the status if there is news; a pod is deleted only if there is none, so
// that what it is deleted for is durable.
package assignments
