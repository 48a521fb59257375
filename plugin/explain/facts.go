package explain

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"teamtask.dev/api/v1alpha1"
)

// Facts are all that an explanation is made from. What could not be read is left empty, and named in Unread.
type Facts struct {
	Now    time.Time
	List   *v1alpha1.Worklist
	Blocks []v1alpha1.Block // all of the list's

	First []First // the lists that come before it

	Jobs     []batchv1.Job          // that run its pods
	Pods     []corev1.Pod           // that work on it
	Warnings []corev1.Event         // about any of these
	Quotas   []corev1.ResourceQuota // of the namespace
	Denied   []string               // what the service accounts of its pods may not do, each as in "default/primes may not create Blocks"

	Controller *Controller // nil: unknown

	Unread []string // what could not be read, each with the reason
}

// First is a list that comes before another one.
type First struct {
	Name string
	List *v1alpha1.Worklist // nil: there is none
}

// Controller is teamtask-controller as it runs in the cluster. The zero Controller is that of a cluster that has none.
type Controller struct {
	Namespace, Name string // of its Deployment
	Wanted, Ready   int32  // pods

	Elects  bool      // its pods elect one that leads
	Leader  string    // which; "": none
	Renewed time.Time // when it last said so
}
