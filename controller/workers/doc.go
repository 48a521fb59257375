// Package workers is the engine that runs the pods which a Worklist asks for (spec.workers): a Job for each such list.
//
// # The pods
//
// Any image will do, also one that has nothing in it but the user's program: a first container, of Teamtask's own image, puts
// the teamtask program into a volume, from which the user's container runs it, with the user's command to run for each block
// ([Job]). Apart from that the pod is as the user wrote it.
//
// # The Job
//
// It is an indexed Job with as many completions as pods. That is how pods which are lost are soonest replaced: of any other
// Job the controller counts the pods that were evicted together, and waits 10 s x 2^(n-1), up to ten minutes, before it makes
// new ones; and none at all once a single pod has ended with success. An indexed one looks at each pod for itself
// (backoffLimitPerIndex). Workers end with success when the list is over, and then stay, with their logs, as long as the list.
//
// The name of the Job tells what it was made from. If that changes, a new Job takes over from the old one: as its pods get
// ready, as many of the old ones are told to stop, and give back what they have in hand.
//
// # Deciding and acting
//
// [Decide] is pure. Whatever of its plan is carried out, the next decision begins with the objects as they are, and all names
// are known beforehand: a step that was done already is seen, or refused as done.
//
// Of the status the Worklist's controller writes all but the pods' part, which is this one's: replicas, selector and the
// condition WorkersReady. They are applied by server side, so neither undoes what the other wrote.
package workers
