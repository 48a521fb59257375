package explain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/plugin/explain"
)

var now = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// facts are those of a list of 100 items in blocks of 10 that was made an hour ago and looked at, with nothing else there. Each
// change is one of them.
func facts(changes ...func(*explain.Facts)) explain.Facts {
	list := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "primes", Namespace: "maths", UID: "l", Generation: 1, CreationTimestamp: before(time.Hour)}}
	list.Spec.Size, list.Spec.Block.Size = 100, 10
	list.Status = v1alpha1.WorklistStatus{ObservedGeneration: 1, Size: 100}
	list.Status.SetPhase(v1alpha1.PhaseActive, "", before(time.Hour))
	f := explain.Facts{Now: now, List: list}
	for _, change := range changes {
		change(&f)
	}
	return f
}

func phase(p v1alpha1.Phase, reason string) func(*explain.Facts) {
	return func(f *explain.Facts) { f.List.Status.SetPhase(p, reason, before(time.Minute)) }
}

// asks has a Block ask for items since then.
func asks(name string, since time.Duration) func(*explain.Facts) {
	return func(f *explain.Facts) {
		b := v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("b-" + name), CreationTimestamp: before(since)},
			Spec: v1alpha1.BlockSpec{Worklist: "primes", Worker: "w-" + name}}
		b.Status.SetPhase(v1alpha1.BlockPending, "it has not been given any items yet", before(since))
		f.Blocks = append(f.Blocks, b)
	}
}

// works has a Block hold ten items since then, its worker heard of since.
func works(name string, index int64, since, heard time.Duration) func(*explain.Facts) {
	return func(f *explain.Facts) {
		asks(name, since)(f)
		b, size := &f.Blocks[len(f.Blocks)-1], int64(10)
		b.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind, Name: "primes", UID: "l"}}
		b.Status.Index, b.Status.Size, b.Status.Turn = &index, &size, 1
		b.Status.SetPhase(v1alpha1.BlockWorking, "", before(since))
		b.Status.RenewTime = &metav1.MicroTime{Time: now.Add(-heard)}
		f.List.Status.Next = max(f.List.Status.Next, index+size)
		f.List.Status.StartTime = new(before(since))
	}
}

func turnedIn(since time.Duration) func(*explain.Facts) {
	return func(f *explain.Facts) {
		f.Blocks[len(f.Blocks)-1].Status.SetPhase(v1alpha1.BlockDone, "", before(since))
	}
}

// pods has the list ask for a number of pods, and its Job run them.
func pods(wanted int32, there ...corev1.Pod) func(*explain.Facts) {
	return func(f *explain.Facts) {
		f.List.Spec.Workers = &v1alpha1.WorkersSpec{Parallelism: &wanted}
		f.Jobs = []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Name: "primes-1", UID: "j"}, Spec: batchv1.JobSpec{Parallelism: &wanted}}}
		f.Pods = there
	}
}

func pod(name string, phase corev1.PodPhase, containers ...corev1.ContainerStatus) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "maths", CreationTimestamp: before(30 * time.Minute)},
		Status: corev1.PodStatus{Phase: phase, ContainerStatuses: containers}}
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "work", Image: "primes:1",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

func crashing() corev1.ContainerStatus {
	c := waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container")
	c.RestartCount = 7
	c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", Message: "no such file: /data\n"}
	return c
}

func unschedulable(name string) corev1.Pod {
	p := pod(name, corev1.PodPending)
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: "0/3 nodes are available: 3 Insufficient memory."}}
	return p
}

func warning(kind, name, reason, message string, ago time.Duration) func(*explain.Facts) {
	return func(f *explain.Facts) {
		f.Warnings = append(f.Warnings, corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name, UID: "j"}, Reason: reason,
			Message: message, EventTime: metav1.MicroTime{Time: now.Add(-ago)}})
	}
}

func first(name string, p v1alpha1.Phase, reason string) func(*explain.Facts) {
	return func(f *explain.Facts) {
		f.List.Spec.After = append(f.List.Spec.After, name)
		other := facts(phase(p, reason)).List
		other.Name, other.Status.Done = name, 40
		f.First = append(f.First, explain.First{Name: name, List: other})
	}
}

func controller(c explain.Controller) func(*explain.Facts) {
	return func(f *explain.Facts) { f.Controller = &c }
}

func set(change func(*v1alpha1.Worklist)) func(*explain.Facts) {
	return func(f *explain.Facts) { change(f.List) }
}

var young = set(func(l *v1alpha1.Worklist) {
	l.CreationTimestamp, l.Status = before(2*time.Second), v1alpha1.WorklistStatus{}
})

var unseen = set(func(l *v1alpha1.Worklist) {
	l.CreationTimestamp, l.Status = before(5*time.Minute), v1alpha1.WorklistStatus{}
})

func TestSentences(t *testing.T) {
	free := "100 items are free to be taken, but no worker asks for them: "
	for _, c := range []struct {
		name  string
		facts explain.Facts
		want  []string
	}{
		{"is new", facts(young), []string{"The list was made 2s ago: its controller is about to look at it."}},
		{"is being deleted", facts(set(func(l *v1alpha1.Worklist) { l.DeletionTimestamp = new(before(time.Second)) }), phase(v1alpha1.PhaseComplete, "all done")),
			[]string{"The list is being deleted."}},
		{"is over", facts(phase(v1alpha1.PhaseComplete, "all items are done")), []string{"The list is over (Complete): all items are done."}},
		{"is invalid", facts(phase(v1alpha1.PhaseInvalid, "spec.items.lines.configMap: there is no ConfigMap words in the namespace maths")),
			[]string{"The list cannot be worked on: spec.items.lines.configMap: there is no ConfigMap words in the namespace maths."}},
		{"is suspended", facts(set(func(l *v1alpha1.Worklist) { l.Spec.Suspend = true }), phase(v1alpha1.PhaseSuspended, "suspended")),
			[]string{"The list is suspended: nothing is handed out until it is resumed.", "100 items are free to be taken."}},
		{"is suspended with a block out", facts(works("a", 0, time.Minute, time.Second), set(func(l *v1alpha1.Worklist) { l.Spec.Suspend = true }), phase(v1alpha1.PhaseSuspended, "suspended")),
			[]string{"The list is suspended: nothing is handed out until it is resumed.", "1 worker holds 1 block with 10 items.", "90 items are free to be taken.",
				"Worker w-a has held [0,10) in Block a for 60s: last heard of 1s ago."}},

		{"waits for a list that moves", facts(first("sieve", v1alpha1.PhaseActive, ""), phase(v1alpha1.PhaseWaiting, "worklist sieve, which comes first, is not complete")),
			[]string{"Nothing is handed out: worklist sieve, which comes first, is not complete.", "100 items are free to be taken.", "Worklist sieve is being handed out: 40% is done."}},
		{"waits for a list that is suspended", facts(first("sieve", v1alpha1.PhaseSuspended, "suspended"), phase(v1alpha1.PhaseWaiting, "worklist sieve, which comes first, is not complete")),
			[]string{"Nothing is handed out: worklist sieve, which comes first, is not complete.", "100 items are free to be taken.", "Worklist sieve does not move either: suspended."}},
		{"waits for a list that failed", facts(first("sieve", v1alpha1.PhaseFailed, "7 items failed"), phase(v1alpha1.PhaseWaiting, "worklist sieve, which comes first, is not complete")),
			[]string{"Nothing is handed out: worklist sieve, which comes first, is not complete.", "100 items are free to be taken.",
				"Worklist sieve is over (Failed) and will not be complete unless it is retried: 7 items failed."}},
		{"waits for a list that is not there", facts(func(f *explain.Facts) { f.First = []explain.First{{Name: "sieve"}} }, phase(v1alpha1.PhaseWaiting, "worklist sieve, which comes first, does not exist")),
			[]string{"Nothing is handed out: worklist sieve, which comes first, does not exist.", "100 items are free to be taken.", "Worklist sieve does not exist in the namespace maths."}},

		{"moves", facts(works("a", 0, time.Minute, time.Second), set(func(l *v1alpha1.Worklist) {
			l.Status.Done, l.Status.ItemsPerSecond = 25, resource.NewQuantity(5, resource.DecimalSI)
		})),
			[]string{"The list is being worked on: 25% is done, at 5/s; at that rate it is over in 15s.", "1 worker holds 1 block with 10 items.", "90 items are free to be taken.",
				"Worker w-a has held [0,10) in Block a for 60s: last heard of 1s ago."}},
		{"has all out", facts(works("b", 50, time.Minute, time.Second), works("a", 0, time.Hour, 2*time.Second), func(f *explain.Facts) {
			f.List.Status.Next, f.List.Status.Done = 100, 80
			f.List.Status.DoneRanges = []v1alpha1.Range{{Index: 10, Size: 40}, {Index: 60, Size: 40}}
			f.Blocks[1].Status.Restarts, f.Blocks[1].Status.Done = 1, 3
			f.List.Status.RetryRanges = []v1alpha1.RetryRange{{Range: v1alpha1.Range{Index: 0, Size: 10}, Attempts: 1, Reason: "exit 1"}}
		}), []string{"The list is being worked on: 80% is done.", "2 workers hold 2 blocks with 20 items.", "Everything else is done: the list waits for what is out.",
			"Worker w-a has held [0,10) in Block a for 60m: 3 done, attempt 2, last heard of 2s ago.", "Worker w-b has held [50,60) in Block b for 60s: last heard of 1s ago."}},
		{"waits for silent workers", facts(works("a", 0, time.Hour, 50*time.Second)),
			[]string{"The list waits for workers that have fallen silent: worker w-a, which holds Block a, was last heard of 50s ago; what it holds goes out again when it has been silent for 1m0s.",
				"1 worker holds 1 block with 10 items.", "90 items are free to be taken.", "Worker w-a has held [0,10) in Block a for 60m: last heard of 50s ago."}},
		{"has as many blocks out as may be", facts(works("a", 0, time.Minute, time.Second), set(func(l *v1alpha1.Worklist) { l.Spec.Limits.Blocks = 1 })),
			[]string{"The list is being worked on: 0% is done.", "1 worker holds 1 block with 10 items.", "As many blocks are out as may be (1).", "90 items are free to be taken.",
				"Worker w-a has held [0,10) in Block a for 60s: last heard of 1s ago."}},
		{"rests", facts(func(f *explain.Facts) {
			f.List.Status.Next = 100
			f.List.Status.DoneRanges = []v1alpha1.Range{{Index: 10, Size: 90}}
			f.List.Status.RetryRanges = []v1alpha1.RetryRange{{Range: v1alpha1.Range{Size: 10}, Attempts: 1, Until: &metav1.MicroTime{Time: now.Add(30 * time.Second)}, Reason: "exit 1"}}
		}), []string{"10 items rest after a failure, the next for 30s."}},
		{"has a record full of scattered failures", facts(func(f *explain.Facts) {
			f.List.Status.Size, f.List.Spec.Size, f.List.Status.Next, f.List.Status.Failed = 10_000, 10_000, 1400, 700
			for i := range int64(700) {
				f.List.Status.FailedRanges = append(f.List.Status.FailedRanges, v1alpha1.FailedRange{Range: v1alpha1.Range{Index: 2 * i, Size: 1}, Attempts: 3, Reason: "exit 1"})
			}
			f.List.Status.DoneRanges = []v1alpha1.Range{}
			for i := range int64(700) {
				f.List.Status.DoneRanges = append(f.List.Status.DoneRanges, v1alpha1.Range{Index: 2*i + 1, Size: 1})
			}
		}), []string{"Nothing that was never out goes out: what is done, failed or to be done again takes, with what is out, as many ranges as the status holds; " +
			"it goes on when ranges have merged, or failed items were tried again.",
			"700 items were given up, the first after 3 attempts: exit 1. `kubectl teamtask retry primes` has them tried again."}},

		{"has no workers", facts(), []string{free + "start one with `teamtask work --kube --namespace maths primes -- COMMAND`, or give the list workers of its own (spec.workers)."}},
		{"is scaled to none", facts(pods(0)), []string{free + "it is to have 0 worker pods; `kubectl scale --namespace maths worklist/primes --replicas=1` gives it one."}},
		{"has no pods yet", facts(pods(2)), []string{free + "its worker pods have not been made yet."}},
		{"has a pod that starts", facts(pods(1, pod("p-0", corev1.PodPending, waiting("ContainerCreating", "")))), []string{free + "pod p-0 is about to start."}},
		{"has pods that do not fit", facts(pods(2, pod("p-0", corev1.PodPending), unschedulable("p-1"))),
			[]string{free + "pod p-1: 0/3 nodes are available: 3 Insufficient memory."}},
		{"has pods without an image", facts(pods(1, pod("p-0", corev1.PodPending, waiting("ImagePullBackOff", `Back-off pulling image "primes:1"`)))),
			[]string{free + `pod p-0, container work, image primes:1: ImagePullBackOff: Back-off pulling image "primes:1".`}},
		{"has pods that crash", facts(pods(1, pod("p-0", corev1.PodRunning, crashing()))),
			[]string{free + "container work ends too early, again and again (exit code 3, Error, no such file: /data): see `kubectl logs --namespace maths p-0 --container work --previous`."}},
		{"has pods that may not ask", facts(pods(1, pod("p-0", corev1.PodRunning)), func(f *explain.Facts) { f.Denied = []string{"service account maths/calm may not create Blocks"} }),
			[]string{free + "service account maths/calm may not create Blocks; bind the ClusterRole teamtask-worker to it."}},
		{"has pods that do not ask", facts(pods(1, pod("p-0", corev1.PodRunning))), []string{free + "1 pod runs, but none of them asks; see `kubectl logs --namespace maths p-0`."}},
		{"has a quota for pods", facts(pods(1), warning("Job", "primes-1", "FailedCreate", `pods "p-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1`, time.Minute)),
			[]string{free + `pods "p-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1.`}},
		{"has workers that its controller cannot make", facts(pods(1), set(func(l *v1alpha1.Worklist) {
			l.Status.Conditions = append(l.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionWorkers, Status: metav1.ConditionFalse, Reason: "Refused", Message: "the Job is too large"})
		})), []string{free + "the Job is too large."}},
		{"has a quota for Blocks", facts(func(f *explain.Facts) {
			used := corev1.ResourceList{"count/blocks.teamtask.dev": resource.MustParse("4")}
			f.Quotas = []corev1.ResourceQuota{{ObjectMeta: metav1.ObjectMeta{Name: "small"}, Status: corev1.ResourceQuotaStatus{Hard: used, Used: used}}}
		}), []string{free + "the ResourceQuota small allows 4 Blocks in the namespace, and 4 are there."}},
		{"has some pods in trouble", facts(works("a", 0, time.Minute, time.Second), pods(2, pod("p-0", corev1.PodRunning), unschedulable("p-1"))),
			[]string{"The list is being worked on: 0% is done.", "1 worker holds 1 block with 10 items.", "90 items are free to be taken.",
				"Worker w-a has held [0,10) in Block a for 60s: last heard of 1s ago.", "Not all workers run: pod p-1: 0/3 nodes are available: 3 Insufficient memory."}},

		{"was just asked", facts(asks("a", time.Second)), []string{"100 items are free to be taken, but Block a, which asks for some, has had no answer yet."}},
		{"makes a Block wait", facts(asks("a", time.Minute), func(f *explain.Facts) {
			f.Blocks[0].Status.SetPhase("RateLimit", "the list is limited to 2 items per second", before(time.Second))
		}), []string{"100 items are free to be taken, but Block a, which asks for some, waits: the list is limited to 2 items per second."}},

		{"is not looked at", facts(unseen), []string{"No controller has acted for 5m (the list is new): is teamtask-controller running?"}},
		{"has no controller", facts(unseen, controller(explain.Controller{})),
			[]string{"No controller has acted for 5m (the list is new): there is no Deployment of teamtask-controller in the cluster; is it installed, or running elsewhere?"}},
		{"has a controller that is not ready", facts(unseen, controller(explain.Controller{Namespace: "sys", Name: "tc", Wanted: 2})),
			[]string{"No controller has acted for 5m (the list is new): of teamtask-controller, 0 of 2 pods are ready; see `kubectl describe --namespace sys deployment/tc`."}},
		{"has no leader", facts(unseen, controller(explain.Controller{Namespace: "sys", Name: "tc", Wanted: 2, Ready: 2, Elects: true})),
			[]string{"No controller has acted for 5m (the list is new): teamtask-controller runs, but none of its pods leads; see `kubectl logs --namespace sys deployment/tc`."}},
		{"has a leader that is gone", facts(unseen, controller(explain.Controller{Namespace: "sys", Name: "tc", Wanted: 2, Ready: 2, Elects: true, Leader: "tc-1_x", Renewed: now.Add(-time.Hour)})),
			[]string{"No controller has acted for 5m (the list is new): teamtask-controller runs, but its leader, tc-1_x, has been silent for 60m; see `kubectl logs --namespace sys deployment/tc`."}},
		{"is overlooked", facts(unseen, controller(explain.Controller{Namespace: "sys", Name: "tc", Wanted: 1, Ready: 1, Elects: true, Leader: "tc-1_x", Renewed: now})),
			[]string{"No controller has acted for 5m (the list is new): teamtask-controller runs, but has not seen to it; does it watch the namespace maths? See `kubectl logs --namespace sys tc-1`."}},
		{"is overlooked by the only one", facts(unseen, controller(explain.Controller{Namespace: "sys", Name: "tc", Wanted: 1, Ready: 1})),
			[]string{"No controller has acted for 5m (the list is new): teamtask-controller runs, but has not seen to it; does it watch the namespace maths? See `kubectl logs --namespace sys deployment/tc`."}},
		{"is not retried", facts(phase(v1alpha1.PhaseFailed, "7 items failed"), set(func(l *v1alpha1.Worklist) { l.Generation, l.CreationTimestamp = 2, before(time.Minute) })),
			[]string{"No controller has acted for 60s (its spec has changed): is teamtask-controller running?", "The list is over (Failed): 7 items failed."}},
		{"does not answer", facts(asks("a", 20*time.Second), asks("b", time.Minute)), []string{"No controller has acted for 60s (Block b asks for items): is teamtask-controller running?",
			"100 items are free to be taken, but Block a, which asks for some, has had no answer yet."}},
		{"does not merge", facts(works("a", 0, time.Hour, time.Minute), turnedIn(5*time.Minute), set(func(l *v1alpha1.Worklist) { l.Status.Next = 100 })),
			[]string{"No controller has acted for 5m (Block a is finished): is teamtask-controller running?",
				"90 items are free to be taken, but no worker asks for them: start one with `teamtask work --kube --namespace maths primes -- COMMAND`, or give the list workers of its own (spec.workers)."}},
		{"does not see a change", facts(set(func(l *v1alpha1.Worklist) {
			l.Generation = 2
			l.ManagedFields = []metav1.ManagedFieldsEntry{{Subresource: "status", Time: new(before(0))}, {Time: new(before(2 * time.Minute))}}
		})), []string{"No controller has acted for 2m (its spec has changed): is teamtask-controller running?",
			free + "start one with `teamtask work --kube --namespace maths primes -- COMMAND`, or give the list workers of its own (spec.workers)."}},

		{"has given up items", facts(works("a", 10, time.Minute, time.Second), set(func(l *v1alpha1.Worklist) {
			l.Status.Failed, l.Status.FailedRanges = 2, []v1alpha1.FailedRange{{Range: v1alpha1.Range{Size: 2}, Attempts: 3, Reason: "exit 1"}}
		})), []string{"The list is being worked on: 0% is done.", "1 worker holds 1 block with 10 items.", "88 items are free to be taken.",
			"Worker w-a has held [10,20) in Block a for 60s: last heard of 1s ago.",
			"2 items were given up, the first after 3 attempts: exit 1. `kubectl teamtask retry primes` has them tried again."}},
		{"has warnings", facts(phase(v1alpha1.PhaseComplete, "all items are done"), warning("Block", "a", "Expired", "worker w was not heard of for 1m0s", time.Minute),
			warning("Block", "b", "Expired", "long ago", time.Hour)),
			[]string{"The list is over (Complete): all items are done.", "60s ago, Block a, Expired: worker w was not heard of for 1m0s."}},
		{"runs on nodes of which there are warnings with every pod", facts(phase(v1alpha1.PhaseComplete, "all items are done"),
			warning("Pod", "p-0", "MissingClusterDNS", `pod: "p-0". kubelet does not have ClusterDNS IP configured`, time.Minute)),
			[]string{"The list is over (Complete): all items are done."}},
		{"could not be looked at closely", facts(phase(v1alpha1.PhaseComplete, "all items are done"), func(f *explain.Facts) { f.Unread = []string{"pods (forbidden)"} }),
			[]string{"The list is over (Complete): all items are done.", "Not looked at: pods (forbidden)."}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if got := explain.Sentences(c.facts); !slices.Equal(got, c.want) {
				t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
