package workers

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

const primes = `
apiVersion: teamtask.dev/v1alpha1
kind: Worklist
metadata: {name: primes}
spec:
  size: 1000
  workers:
    parallelism: 3
    template: {spec: {containers: [{name: work, image: primes:1, command: [/primes, "{start}", "{end}"]}]}}
`

// The pods of a list, from beginning to end, as a user sees it.
func TestLife(t *testing.T) {
	s := newSite(t)
	s.runController()
	s.create(primes)
	s.eventuallyPods("primes", 3, "Running")
	job := s.jobs()[0]

	t.Log("They call as an account of the list's own, which may work, and no more.")
	for _, c := range []struct {
		what []string
		may  string
	}{
		{[]string{"work", "worklists.teamtask.dev/primes"}, "yes"},
		{[]string{"create", "blocks.teamtask.dev"}, "yes"},
		{[]string{"delete", "worklists.teamtask.dev/primes"}, "no"},
		{[]string{"get", "secrets"}, "no"},
	} {
		args := append([]string{"auth", "can-i", "--namespace", s.ns, "--as", "system:serviceaccount:" + s.ns + ":primes-workers"}, c.what...)
		s.eventually("the API server knows what they may", func() error { // it hears of bindings a moment later
			out, _ := running.Kubectl(t.Context(), args...)
			if strings.TrimSpace(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]) != c.may {
				return fmt.Errorf("may they %s? %s", c.what, out)
			}
			return nil
		})
	}

	t.Log("They are scaled as those of a Deployment, and the Job stays the same.")
	_, err := running.Kubectl(t.Context(), "scale", "--namespace", s.ns, "worklist/primes", "--replicas=5")
	s.must(err)
	s.eventuallyPods("primes", 5, "Running")
	_, err = running.Kubectl(t.Context(), "scale", "--namespace", s.ns, "worklist/primes", "--replicas=2")
	s.must(err)
	s.eventuallyPods("primes", 2, "Running")
	if jobs := s.jobs(); len(jobs) != 1 || jobs[0].UID != job.UID {
		t.Errorf("another Job: %v", jobs)
	}
	out, err := running.Kubectl(t.Context(), "get", "--namespace", s.ns, "worklist/primes", "--output=jsonpath={.status.selector}")
	s.must(err)
	if out, err := running.Kubectl(t.Context(), "get", "pods", "--namespace", s.ns, "--selector", out, "--output=name"); err != nil || strings.Count(out, "pod/") != 2 {
		t.Errorf("the selector chooses %q, %v", out, err)
	}

	t.Log("A suspended list keeps them until nothing is out.")
	s.stand("primes", v1alpha1.PhaseSuspended, 2)
	s.eventually("it is known to be suspended", func() error {
		if c := s.condition("primes"); !strings.Contains(c.Message, "suspended") {
			return fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
		return nil
	})
	s.eventuallyPods("primes", 2, "Running")
	s.stand("primes", v1alpha1.PhaseSuspended, 0)
	s.eventuallyPods("primes", 0, "Stopped")
	s.stand("primes", v1alpha1.PhaseActive, 0)
	s.eventuallyPods("primes", 2, "Running")

	t.Log("One that is lost is replaced, and what it worked as cannot end the Job.")
	s.end(s.pods()[0], corev1.PodFailed)
	s.eventually("another one runs", func() error {
		s.must(s.kubelet())
		for _, j := range s.jobs() {
			if j.Status.Failed != 1 || j.Status.Ready == nil || *j.Status.Ready != 2 {
				return fmt.Errorf("%+v", j.Status)
			}
		}
		return nil
	})

	t.Log("When the list is complete they end, and stay for their logs.")
	s.stand("primes", v1alpha1.PhaseComplete, 0)
	for _, p := range s.pods() {
		if p.Status.Phase == corev1.PodRunning {
			s.end(p, corev1.PodSucceeded)
		}
	}
	s.eventuallyPods("primes", 0, "Finished")
	s.eventually("the Job has counted them", func() error { // those that have ended it counts with a write of its own
		if jobs := s.jobs(); len(jobs) != 1 || jobs[0].UID != job.UID || jobs[0].Status.Succeeded != 2 {
			return fmt.Errorf("%v", jobs)
		}
		return nil
	})
	if pods := s.pods(); len(pods) != 3 {
		t.Errorf("%d pods are left", len(pods))
	}

	t.Log("When it goes on, others are made.")
	s.stand("primes", v1alpha1.PhaseActive, 0)
	s.eventuallyPods("primes", 2, "Running")
	if jobs := s.jobs(); len(jobs) != 1 || jobs[0].UID == job.UID {
		t.Errorf("the Job: %v", jobs)
	}

	t.Log("They go with the list, and so does all that was made for them.")
	list := s.list("primes")
	s.must(s.client.Delete(t.Context(), list))
	s.eventually("all are gone", func() error {
		if n := len(s.jobs()) + len(s.pods()); n != 0 {
			return fmt.Errorf("%d Jobs and pods", n)
		}
		err := s.client.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "primes-workers"}, &corev1.ServiceAccount{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the account: %w", err)
		}
		return nil
	})
}

// A namespace that is deleted goes, with all that is in it: it deletes pods before anything else, and waits for them.
func TestNamespaceGoes(t *testing.T) {
	s := newSite(t)
	s.runController()
	s.create(primes)
	s.eventuallyPods("primes", 3, "Running")
	ns := &corev1.Namespace{}
	ns.Name = s.ns
	s.must(s.client.Delete(t.Context(), ns))
	s.eventually("it is gone", func() error {
		if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(ns), ns); !apierrors.IsNotFound(err) {
			return fmt.Errorf("%d Jobs, %d pods: %v", len(s.jobs()), len(s.pods()), err)
		}
		return nil
	})
}

// What the list owns is put right when somebody else has changed or deleted it.
func TestMeddling(t *testing.T) {
	s := newSite(t)
	s.runController()
	s.create(primes)
	s.eventuallyPods("primes", 3, "Running")
	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = s.ns, "primes-workers"
	s.must(s.client.Delete(t.Context(), account))
	job := s.jobs()[0]
	before := job.DeepCopy()
	job.Spec.Parallelism = new(int32(1))
	s.must(s.client.Patch(t.Context(), &job, client.MergeFrom(before)))
	s.eventually("the Job is put right", func() error {
		if p := *s.jobs()[0].Spec.Parallelism; p != 3 {
			return fmt.Errorf("%d", p)
		}
		return s.client.Get(t.Context(), client.ObjectKeyFromObject(account), account)
	})
	s.must(s.client.Delete(t.Context(), &job, client.PropagationPolicy("Background")))
	s.eventually("there is another Job", func() error {
		if jobs := s.jobs(); len(jobs) != 1 || jobs[0].UID == job.UID {
			return fmt.Errorf("%d Jobs", len(jobs))
		}
		return nil
	})
}

// Pods that are to be other ones are replaced one by one.
func TestAnotherTemplate(t *testing.T) {
	s := newSite(t)
	s.runController()
	s.create(primes)
	s.eventuallyPods("primes", 3, "Running")
	image := func(name string) {
		s.change("primes", func(spec *v1alpha1.WorklistSpec) { spec.Workers.Template.Spec.Containers[0].Image = name })
	}

	t.Log("A new one that cannot be pulled takes over from nobody, but for those that make room.")
	image("missing:1")
	s.eventually("it is noticed", func() error {
		for _, p := range s.pods() {
			if p.Spec.Containers[0].Image == "missing:1" {
				p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "work", Image: "missing:1", State: corev1.ContainerState{
					Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}}}
				if err := s.client.Status().Update(t.Context(), &p); err != nil {
					return err
				}
			}
		}
		if c := s.condition("primes"); c.Reason != "NotStarting" || !strings.Contains(c.Message, "no such image") {
			return fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
		return nil
	})
	left := 0
	for _, p := range s.pods() {
		if p.Spec.Containers[0].Image == "primes:1" {
			left++
		}
	}
	if left < 2 {
		t.Errorf("%d pods are left that work", left)
	}

	t.Log("One that can be does.")
	image("primes:2")
	s.eventuallyPods("primes", 3, "Running")
	s.eventually("the others are gone", func() error {
		jobs, pods := s.jobs(), s.pods()
		if len(jobs) != 1 || len(pods) != 3 {
			return fmt.Errorf("%d Jobs, %d pods", len(jobs), len(pods))
		}
		for _, p := range pods {
			if p.Spec.Containers[0].Image != "primes:2" {
				return fmt.Errorf("image %s", p.Spec.Containers[0].Image)
			}
		}
		return nil
	})

	t.Log("And a list that has none any more says nothing of them.")
	s.change("primes", func(spec *v1alpha1.WorklistSpec) { spec.Workers = nil })
	s.eventually("all are gone", func() error {
		if status := s.list("primes").Status; len(s.jobs())+len(s.pods()) != 0 || status.Selector != "" || s.condition("primes").Type != "" {
			return fmt.Errorf("%d Jobs, %d pods, selector %q", len(s.jobs()), len(s.pods()), status.Selector)
		}
		return nil
	})
}

// A Block whose pod is gone is taken back at once; those of others stay. That of a pod that ended by itself counts as an attempt,
// that of one that was deleted does not.
func TestLostPod(t *testing.T) {
	s := newSite(t)
	s.runController()
	s.create(primes)
	s.eventuallyPods("primes", 3, "Running")
	pods := s.pods()
	blocks := map[string]*v1alpha1.Block{}
	for i, worker := range []string{pods[0].Name, pods[1].Name, pods[2].Name, "somebody-elses"} {
		b := &v1alpha1.Block{}
		b.Namespace, b.Name = s.ns, fmt.Sprintf("primes-%d", i)
		b.Spec = v1alpha1.BlockSpec{Worklist: "primes", Worker: worker}
		s.must(s.client.Create(t.Context(), b))
		b.Status = v1alpha1.BlockStatus{Turn: 1, Index: new(int64(100 * i)), Size: new(int64(100))}
		b.Status.SetPhase(v1alpha1.BlockWorking, "", b.CreationTimestamp)
		s.must(s.client.Status().Update(t.Context(), b))
		blocks[worker] = b
	}
	s.stand("primes", v1alpha1.PhaseActive, 4)
	s.must(s.client.Delete(t.Context(), &pods[0], client.GracePeriodSeconds(0)))
	s.end(pods[1], corev1.PodFailed)
	for i, want := range []v1alpha1.BlockPhase{v1alpha1.BlockReleased, v1alpha1.BlockExpired} {
		s.eventually("its Block is taken back", func() error {
			s.must(s.kubelet())
			b := blocks[pods[i].Name]
			s.must(s.client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
			if b.Status.Finished() != want || !strings.Contains(b.Status.Reason(), pods[i].Name) {
				return fmt.Errorf("it is %s: %s", b.Status.Phase(), b.Status.Reason())
			}
			return nil
		})
	}
	for _, worker := range []string{pods[2].Name, "somebody-elses"} {
		b := blocks[worker]
		s.must(s.client.Get(t.Context(), client.ObjectKeyFromObject(b), b))
		if !b.Status.Held() {
			t.Errorf("the Block of %s was taken back, too: %s", worker, b.Status.Reason())
		}
	}
}
