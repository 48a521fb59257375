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
// It is an indexed Job with as many completions as pods. A worker ends with success when the list is over; its pod then stays
// for its logs, as long as the list. Of a Job without completions no pod would be replaced any more once a single one has
// ended with success, say because its worker was told to stop; here that costs this one pod. A pod that is lost otherwise is
// replaced by the Job's controller after a back-off: 10 s x 2^(n-1) for n pods that were lost together, at most ten minutes.
// What is scaled down does not count.
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
