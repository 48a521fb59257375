package workers

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// A Job that somebody else has made, and given to the list, is not one of its workers': it is left alone.
func TestForeignJob(t *testing.T) {
	s := newSite(t)
	s.create(primes)
	list := s.list("primes")
	foreign := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "foreign", Namespace: s.ns, Labels: map[string]string{"teamtask.dev/worklist": "primes"},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(list, v1alpha1.GroupVersion.WithKind(v1alpha1.WorklistKind))}},
		Spec: batchv1.JobSpec{Parallelism: new(int32(2)), Suspend: new(true), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "c", Image: "i"}}}}}}
	s.must(s.client.Create(t.Context(), foreign))
	r := s.reconciler(nil)
	if _, err := r.Reconcile(t.Context(), request(s.ns, "primes")); err != nil {
		t.Fatal(err)
	}
	var now batchv1.Job
	s.must(s.client.Get(t.Context(), client.ObjectKeyFromObject(foreign), &now))
	if *now.Spec.Parallelism != 2 || now.DeletionTimestamp != nil {
		t.Errorf("it was changed: %d pods, deleted %v", *now.Spec.Parallelism, now.DeletionTimestamp)
	}
}
