package explain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/plugin/explain"
)

// swarm is one of a pool of three pods that was made an hour ago and stands so. Each change is one of its facts.
func swarm(reason, message string, changes ...func(*explain.SwarmFacts)) explain.SwarmFacts {
	sw := &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: "streams", Namespace: "video", Generation: 1, CreationTimestamp: before(time.Hour)}}
	sw.Spec.Pool = &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "cams"}
	sw.Spec.Handover.Timeout, sw.Spec.Handover.Patience = &metav1.Duration{Duration: 30 * time.Second}, &metav1.Duration{Duration: time.Minute}
	sw.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionConverged, Reason: reason, Message: message, ObservedGeneration: 1, LastTransitionTime: before(time.Minute)}}
	f := explain.SwarmFacts{Now: now, Swarm: sw, Pool: &explain.Pool{Exists: true, Wanted: 3, Ready: 3}}
	for _, change := range changes {
		change(&f)
	}
	return f
}

func sw(change func(*v1alpha1.Swarm)) func(*explain.SwarmFacts) {
	return func(f *explain.SwarmFacts) { change(f.Swarm) }
}

// worker has an Assignment of version 14, of which it runs some, and stands so for 40s.
func worker(name string, runs int64, phase string, changes ...func(*v1alpha1.Assignment)) func(*explain.SwarmFacts) {
	return func(f *explain.SwarmFacts) {
		a := v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Name: "streams." + name, CreationTimestamp: before(time.Hour)},
			Spec:   v1alpha1.AssignmentSpec{Swarm: "streams", Worker: name, Incarnation: "one", Version: 14, Workloads: []v1alpha1.Grant{{Name: "cctv-0", Epoch: 3}}},
			Status: v1alpha1.AssignmentStatus{Incarnation: "one", Version: runs, RenewTime: &metav1.MicroTime{Time: now.Add(-3 * time.Second)}}}
		a.Status.SetPhase(phase, "", before(40*time.Second))
		for _, change := range changes {
			change(&a)
		}
		f.Assignments = append(f.Assignments, a)
	}
}

func revoked(names ...string) func(*v1alpha1.Assignment) {
	return func(a *v1alpha1.Assignment) {
		for _, name := range names {
			a.Spec.Revoked = append(a.Spec.Revoked, v1alpha1.Revocation{Name: name, Epoch: 2, Version: 14})
		}
	}
}

func runs(pods ...corev1.Pod) func(*explain.SwarmFacts) {
	return func(f *explain.SwarmFacts) { f.Pods = pods }
}

func program(c explain.Controller) func(*explain.SwarmFacts) {
	return func(f *explain.SwarmFacts) { f.Controller = &c }
}

func TestSwarmSentences(t *testing.T) {
	const moving = "2 workloads are on the way to their worker; worker cams-0 has yet to let go of what it had"
	isMoving := "The swarm has been moving for 60s: " + moving + "."
	nothing := func(f *explain.SwarmFacts) { f.Swarm.Status = v1alpha1.SwarmStatus{} }
	younger := sw(func(s *v1alpha1.Swarm) { s.CreationTimestamp = before(2 * time.Second) })
	reads := sw(func(s *v1alpha1.Swarm) { s.Spec.Refresh = v1alpha1.RefreshRestart })
	halfReady := func(f *explain.SwarmFacts) { f.Pool.Ready = 1 }
	withoutPool := sw(func(s *v1alpha1.Swarm) { s.Spec.Pool = nil })
	for _, c := range []struct {
		name  string
		facts explain.SwarmFacts
		want  []string
	}{
		{"is new", swarm("", "", nothing, younger), []string{"The swarm was made 2s ago: its controller is about to look at it."}},
		{"is new, as the schema has it", swarm("New", "no controller has looked at it yet", younger), []string{"The swarm was made 2s ago: its controller is about to look at it."}},
		{"is not looked at", swarm("New", "no controller has looked at it yet", program(explain.Controller{})),
			[]string{"No controller has acted for 60m (the swarm is new): there is no Deployment of teamtask-controller in the cluster; is it installed, or running elsewhere?"}},
		{"is looked at no longer", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", sw(func(s *v1alpha1.Swarm) {
			s.Generation, s.ManagedFields = 2, []metav1.ManagedFieldsEntry{{Time: new(before(2 * time.Minute))}}
		})), []string{"No controller has acted for 2m (its spec has changed): is teamtask-controller running?", "Every worker runs its part: 3 workloads on 3 workers."}},
		{"was changed just now", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", sw(func(s *v1alpha1.Swarm) {
			s.Generation, s.ManagedFields = 2, []metav1.ManagedFieldsEntry{{Time: new(before(time.Second))}}
		})), []string{"Every worker runs its part: 3 workloads on 3 workers."}},
		{"is being deleted", swarm(v1alpha1.SwarmMoving, "the Swarm is being deleted", worker("cams-0", 12, v1alpha1.AssignmentBehind, revoked("cctv-1")),
			sw(func(s *v1alpha1.Swarm) { s.DeletionTimestamp = new(before(time.Minute)) })),
			[]string{"The swarm is being deleted: it goes once its workers have let go of everything.",
				"Worker cams-0 is to run version 14, and runs 12, since 40s ago: it has yet to let go of cctv-1; it was last heard of 3s ago; if it does not answer for 30s, its pod is restarted."}},
		{"is being deleted, and nobody does it", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", sw(func(s *v1alpha1.Swarm) {
			s.Generation, s.DeletionTimestamp = 2, new(before(time.Minute))
		})), []string{"No controller has acted for 60s (the swarm is being deleted): is teamtask-controller running?",
			"The swarm is being deleted: it goes once its workers have let go of everything."}},

		{"is converged", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", worker("cams-0", 14, v1alpha1.AssignmentCurrent)),
			[]string{"Every worker runs its part: 3 workloads on 3 workers."}},
		{"is converged, but a pod does not start", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", reads, halfReady),
			[]string{"Every worker has its part, but not every pod is ready: 3 workloads on 3 workers.", "Of StatefulSet cams, 1 of 3 pods are ready."}},
		{"is converged, and an agent says so", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", halfReady),
			[]string{"Every worker runs its part: 3 workloads on 3 workers.", "Of StatefulSet cams, 1 of 3 pods are ready."}},
		{"has been moving ever since it was made", swarm(v1alpha1.SwarmMoving, moving, younger, sw(func(s *v1alpha1.Swarm) {
			s.Status.Conditions[0].LastTransitionTime = metav1.Unix(0, 0) // the schema's: it was never True
		})), []string{"The swarm has been moving for 2s: " + moving + "."}},
		{"is suspended", swarm(v1alpha1.SwarmSuspended, "everything stays where it is", sw(func(s *v1alpha1.Swarm) { s.Spec.Suspend = true }), worker("cams-1", 14, v1alpha1.AssignmentGone, func(a *v1alpha1.Assignment) { a.Status.Incarnation = "" })),
			[]string{"The swarm is suspended: everything stays where it is; `kubectl teamtask resume swarm/streams` has it go on.",
				"Worker cams-1, which has 1 workload, has not been there for 40s; it keeps them as long as the swarm is suspended."}},
		{"is invalid", swarm(v1alpha1.SwarmInvalid, `workload "a" is there twice`), []string{`The swarm cannot be shared out: workload "a" is there twice.`}},

		{"waits for one who lets go", swarm(v1alpha1.SwarmMoving, moving, worker("cams-0", 12, v1alpha1.AssignmentBehind, revoked("cctv-1", "cctv-2", "cctv-3")), worker("cams-1", 14, v1alpha1.AssignmentCurrent)),
			[]string{isMoving, "Worker cams-0 is to run version 14, and runs 12, since 40s ago: it has yet to let go of cctv-1 and 2 others; " +
				"it was last heard of 3s ago; if it does not answer for 30s, its pod is restarted."}},
		{"waits for one who is restarted", swarm(v1alpha1.SwarmMoving, moving, sw(func(s *v1alpha1.Swarm) { s.Spec.Refresh = v1alpha1.RefreshRestart }),
			worker("cams-0", 12, v1alpha1.AssignmentBehind, revoked("cctv-1"), func(a *v1alpha1.Assignment) {
				a.Status.RenewTime = nil
				a.Status.SetPhase(v1alpha1.AssignmentBehind, "its pod is restarted", before(40*time.Second))
			})),
			[]string{isMoving, "Worker cams-0 is to run version 14, and runs 12, since 40s ago: it has yet to let go of cctv-1; its pod is restarted."}},
		{"waits for one who has no pod", swarm(v1alpha1.SwarmMoving, moving, withoutPool, worker("laptop", 0, v1alpha1.AssignmentPending, func(a *v1alpha1.Assignment) {
			a.Status.RenewTime = nil
			a.Status.SetPhase(v1alpha1.AssignmentSilent, "", before(time.Second))
		})), []string{isMoving, "Worker laptop is to run version 14, and runs 0."}},
		{"waits for one who is gone", swarm(v1alpha1.SwarmWaiting, "worker cams-1 is not there, and 1 workload waits for it", worker("cams-1", 14, v1alpha1.AssignmentGone, func(a *v1alpha1.Assignment) { a.Status.Incarnation = "" })),
			[]string{"Not everything has an owner: worker cams-1 is not there, and 1 workload waits for it.",
				"Worker cams-1, which has 1 workload, has not been there for 40s; when it has been away for 1m0s, others get them."}},
		{"waits for many", swarm(v1alpha1.SwarmMoving, "everything is granted", func(f *explain.SwarmFacts) {
			for i := range 13 {
				worker(fmt.Sprintf("cams-%02d", i), 12, v1alpha1.AssignmentBehind, func(a *v1alpha1.Assignment) { a.Status.RenewTime = nil })(f)
			}
		}, withoutPool), append([]string{"The swarm has been moving for 60s: everything is granted."}, func() (all []string) {
			for i := range 10 {
				all = append(all, fmt.Sprintf("Worker cams-%02d is to run version 14, and runs 12, since 40s ago.", i))
			}
			return append(all, "3 more stand in the same way: see `kubectl get assignments --namespace video --field-selector spec.swarm=streams`.")
		}()...)},
		{"waits for a pod to run", swarm(v1alpha1.SwarmWaiting, "worker cams-1 does not run, and 1 workload waits for it: its pod does not run: no such image", worker("cams-1", 14, v1alpha1.AssignmentIdle)),
			[]string{"Not everything runs: worker cams-1 does not run, and 1 workload waits for it: its pod does not run: no such image."}},
		{"waits for room", swarm(v1alpha1.SwarmWaiting, "2 workloads wait; cctv-8: there is no room; add workers", sw(func(s *v1alpha1.Swarm) {
			s.Status.Waiting, s.Status.Waits = 2, []v1alpha1.WaitingWorkload{{Name: "cctv-8", Reason: "there is no room; add workers"}, {Name: "cctv-9", Reason: "no worker has the labels."}}
		})), []string{"Not everything has an owner: 2 workloads wait; cctv-8: there is no room; add workers.", "Workload cctv-9 waits: no worker has the labels."}},
		{"has nobody", swarm(v1alpha1.SwarmNoWorkers, "there are no workers; start some that join", withoutPool),
			[]string{"Nobody is there to own anything: there are no workers; start some that join."}},

		{"has no pool", swarm(v1alpha1.SwarmInvalid, "spec.pool: not found", func(f *explain.SwarmFacts) { f.Pool = &explain.Pool{} }),
			[]string{"The swarm cannot be shared out: spec.pool: not found.", "There is no StatefulSet cams in the namespace video: make one, or correct spec.pool."}},
		{"has no pool, as its controller says", swarm(v1alpha1.SwarmInvalid, "there is no StatefulSet cams", func(f *explain.SwarmFacts) { f.Pool = &explain.Pool{} }),
			[]string{"The swarm cannot be shared out: there is no StatefulSet cams."}},
		{"has no pods", swarm(v1alpha1.SwarmNoWorkers, "there are no workers", func(f *explain.SwarmFacts) { f.Pool.Wanted, f.Pool.Ready = 0, 0 }),
			[]string{"Nobody is there to own anything: there are no workers.", "StatefulSet cams is to have 0 pods; `kubectl scale --namespace video statefulset/cams --replicas=1` gives it one."}},
		{"has no pods, of its own will", swarm(v1alpha1.SwarmNoWorkers, "there are no workers", func(f *explain.SwarmFacts) {
			f.Swarm.Spec.Replicas, f.Pool.Wanted, f.Pool.Ready = new(int32(0)), 0, 0
		}), []string{"Nobody is there to own anything: there are no workers.", "StatefulSet cams is to have 0 pods; `kubectl scale --namespace video swarm/streams --replicas=1` gives it one."}},
		{"has pods that do not run", swarm(v1alpha1.SwarmNoWorkers, "there are no workers", runs(unschedulable("cams-0")), func(f *explain.SwarmFacts) { f.Pool.Ready = 0 }),
			[]string{"Nobody is there to own anything: there are no workers.", "Of StatefulSet cams, 0 of 3 pods are ready: pod cams-0: 0/3 nodes are available: 3 Insufficient memory."}},
		{"has pods that start", swarm(v1alpha1.SwarmMoving, "everything is granted", func(f *explain.SwarmFacts) { f.Pool.Ready = 2 }),
			[]string{"The swarm has been moving for 60s: everything is granted.", "Of StatefulSet cams, 2 of 3 pods are ready."}},
		{"has a pod that does not join", swarm(v1alpha1.SwarmWaiting, "worker cams-0 is not there", runs(pod("cams-0", corev1.PodRunning), pod("cams-1", corev1.PodRunning)),
			worker("cams-0", 0, v1alpha1.AssignmentPending, func(a *v1alpha1.Assignment) { a.Status.Incarnation, a.Spec.Workloads = "", nil })),
			[]string{"Not everything has an owner: worker cams-0 is not there.",
				"Pod cams-0 runs, but has not joined: does it run `teamtask join` or `teamtask swarm agent`? See `kubectl logs --namespace video cams-0`."}},
		{"has a pod that may not join", swarm(v1alpha1.SwarmWaiting, "worker cams-0 is not there", runs(pod("cams-0", corev1.PodRunning)),
			func(f *explain.SwarmFacts) {
				f.Denied = []string{"the service account video/cams may not create Assignments"}
			}),
			[]string{"Not everything has an owner: worker cams-0 is not there.",
				"Pod cams-0 runs, but has not joined: the service account video/cams may not create Assignments; bind the ClusterRole teamtask-member to it."}},
		{"has pods that need not join", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", runs(pod("cams-0", corev1.PodRunning)),
			sw(func(s *v1alpha1.Swarm) { s.Spec.Refresh = v1alpha1.RefreshRestart })), []string{"Every worker runs its part: 3 workloads on 3 workers."}},

		{"has warnings", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", func(f *explain.SwarmFacts) {
			f.Warnings = []corev1.Event{{InvolvedObject: corev1.ObjectReference{Kind: "Assignment", Name: "streams.cams-0"}, Reason: "Restarted", Message: "it did not answer",
				EventTime: metav1.MicroTime{Time: now.Add(-time.Minute)}}}
		}), []string{"Every worker runs its part: 3 workloads on 3 workers.", "60s ago, Assignment streams.cams-0, Restarted: it did not answer."}},
		{"could not be looked at closely", swarm(v1alpha1.SwarmConverged, "3 workloads on 3 workers", func(f *explain.SwarmFacts) { f.Unread = []string{"pods (forbidden)"} }),
			[]string{"Every worker runs its part: 3 workloads on 3 workers.", "Not looked at: pods (forbidden)."}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if got := explain.SwarmSentences(c.facts); !slices.Equal(got, c.want) {
				t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
