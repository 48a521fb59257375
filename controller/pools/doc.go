// Package pools is the engine that knows who the workers of a Swarm are, where they are the pods of a StatefulSet or a Deployment: it
// makes an Assignment for each, says which are about to go, and scales the pool. What is granted to whom is none of its business.
//
// # Who is in the pool
//
// The pods of a StatefulSet keep their names. Those that its replicas call for are expected, whether they are there or not, and have
// an Assignment before they come. One that is deleted comes back under its name, and finds its workloads again if that does not take
// longer than the Swarm is patient: it is not drained. Those beyond the replicas are about to go, and are.
//
// The pods of a Deployment are known when they are there, and do not come back: one that is being deleted is drained at once.
//
// An Assignment whose worker is neither there nor expected is deleted. It stays, by its finalizer, until its part is taken back.
//
// # Scaling
//
// With spec.replicas the pool is scaled up at once. It is scaled down only as far as those that go have been drained, which means that
// their Assignments say so, have nothing, and nothing of what they had is left to be let go of. That is read after it was said that
// they are to be drained, and who grants workloads is refused the write of an Assignment that has changed since it was read: so
// nothing can be granted any more to a worker that was found drained.
//
// Of a StatefulSet those with the highest ordinals go, as Kubernetes has it. Of a Deployment those go that are not ready, or
// have the least to give away, or are the youngest; Kubernetes is told of the choice by the cost of deleting them
// (controller.kubernetes.io/pod-deletion-cost), which comes second to being ready: should another pod cease to be ready at that
// moment it goes instead, as any pod may go at any time.
//
// # Deciding and acting
//
// [Decide] is pure. Whatever of its plan is carried out, the next decision begins with the objects as they are. A pool that does not
// exist is for package swarms to report; here nothing is done then.
package pools
