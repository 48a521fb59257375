package workers

import (
	"math"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Job is the Job that runs the list's pods, with the teamtask program from an image whose entry point it is.
func Job(list *v1alpha1.Worklist, image string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: jobName(list), Namespace: list.Namespace, Labels: map[string]string{listLabel: labelOf(list.Name)},
			OwnerReferences: ownedBy(list)},
		Spec: batchv1.JobSpec{
			CompletionMode: new(batchv1.IndexedCompletion),
			Parallelism:    new(wanted(list)),
			Completions:    new(completions(wanted(list))),
			// Pods are replaced for ever: that items cannot be done is the list's to notice. And without waiting for their end: a
			// worker that is about to give back its blocks does no harm beside the one that replaces it. There is no
			// backoffLimitPerIndex, though it would have lost pods replaced sooner: with it a failed pod is held by a finalizer until
			// there is another in its place, and a namespace that is being deleted waits for the pods, and takes no others.
			BackoffLimit:         new(int32(math.MaxInt32)),
			PodReplacementPolicy: new(batchv1.TerminatingOrFailed),
			Template:             podOf(list, image),
		},
	}
}

// wanted is how many pods are asked for.
func wanted(list *v1alpha1.Worklist) int32 {
	if p := list.Spec.Workers.Parallelism; p != nil {
		return *p
	}
	return 1
}

// completions are those of a Job with so many pods. A Job with none to complete would be complete.
func completions(pods int32) int32 { return max(1, pods) }

// ownedBy has an object go with its list.
func ownedBy(list *v1alpha1.Worklist) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(list, v1alpha1.GroupVersion.WithKind(v1alpha1.WorklistKind))}
}

// setPods sets how many pods a Job has. The API server takes another number of completions only where it is that of pods; a
// Job without pods keeps the number that it has.
func setPods(j *batchv1.Job, n int32) {
	j.Spec.Parallelism = &n
	if n > 0 {
		j.Spec.Completions = &n
	}
}

// finished is when a Job has ended; nil: it has not.
func finished(j *batchv1.Job) *metav1.Time {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return &c.LastTransitionTime
		}
	}
	return nil
}

// ready is how many of a Job's pods run.
func ready(j *batchv1.Job) int32 {
	if j.Status.Ready == nil {
		return 0
	}
	return *j.Status.Ready
}
