package workers

import batchv1 "k8s.io/api/batch/v1"

// handOver shares out the pods that are wanted between the Job that is wanted now, if it is there yet, and the others, the
// latest first. As the pods of the one get ready, those of the others go. At most a quarter are there in excess, so that the
// cluster need not grow for it, and none too few; unless there is no room for new ones, then a quarter of the old ones make
// room.
func handOver(goal int32, current *batchv1.Job, others []*batchv1.Job, noRoom bool) (old []int32, own int32) {
	step := (goal + 3) / 4
	left := goal
	if current != nil {
		left -= ready(current)
	}
	if noRoom {
		left -= step
	}
	kept := int32(0)
	for _, j := range others {
		n := int32(0)
		if finished(j) == nil {
			n = max(0, min(left-kept, *j.Spec.Parallelism))
		}
		old = append(old, n)
		kept += n
	}
	if kept == 0 {
		return old, goal
	}
	return old, max(0, min(goal, goal+step-kept))
}
