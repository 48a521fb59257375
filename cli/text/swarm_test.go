package text_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
)

var update = flag.Bool("update", false, "write the golden files")

var then = metav1.NewTime(time.Now().Add(-3 * time.Hour))

// streams is a Swarm of which one workload moves from streams-1 to streams-2, and three wait.
func streams() (*v1alpha1.Swarm, []v1alpha1.Assignment) {
	sw := &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: "streams", Namespace: "video", CreationTimestamp: then}}
	sw.Spec.Pool, sw.Spec.Replicas = &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "streams"}, new(int32(3))
	sw.Spec.Handover = v1alpha1.HandoverPolicy{Mode: v1alpha1.HandoverSafe, Lease: &metav1.Duration{Duration: 15 * time.Second}, Timeout: &metav1.Duration{Duration: 90 * time.Second}}
	sw.Status = v1alpha1.SwarmStatus{Version: 14, Workers: 3, Current: "1/3", Workloads: 1026, Moving: 1, Waiting: 1003,
		Waits: []v1alpha1.WaitingWorkload{{Name: "cctv-8", Reason: "no worker has the labels that it requires; give a worker the labels"}, {Name: "cctv-9", Reason: "there is no room for it"},
			{Name: "cctv-10", Reason: "there is no room for it"}},
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionConverged, Status: "False", Reason: v1alpha1.SwarmMoving, Message: "1 workload is on the way to its worker; worker streams-1 has yet to let go of what it had"},
			{Type: v1alpha1.ConditionBalanced, Status: "True", Reason: "Balanced", Message: "loads are 1 to 2"},
		}}
	return sw, []v1alpha1.Assignment{
		assignment("streams-0", 12, 12, v1alpha1.AssignmentCurrent, "cctv-0", "cctv-1"),
		func() v1alpha1.Assignment {
			a := assignment("streams-1", 14, 12, v1alpha1.AssignmentBehind, "cctv-2")
			a.Spec.Revoked = []v1alpha1.Revocation{{Name: "cctv-3", Epoch: 3, Version: 14}, {Name: "cctv-4", Epoch: 3, Version: 12}}
			return a
		}(),
		assignment("streams-2", 0, 0, v1alpha1.AssignmentPending),
	}
}

func assignment(worker string, wanted, runs int64, phase string, owned ...string) v1alpha1.Assignment {
	a := v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Name: "streams." + worker}, Spec: v1alpha1.AssignmentSpec{Swarm: "streams", Worker: worker, Incarnation: "one", Version: wanted},
		Status: v1alpha1.AssignmentStatus{Incarnation: "one", Version: runs}}
	for _, name := range owned {
		a.Spec.Workloads = append(a.Spec.Workloads, v1alpha1.Grant{Name: name, Epoch: 3})
	}
	a.Status.SetPhase(phase, "", metav1.Now())
	return a
}

func TestDescribeSwarm(t *testing.T) {
	fresh := &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: "fresh", CreationTimestamp: then}}
	many, parts := streams()
	for i := range 250 {
		parts[0].Spec.Workloads = append(parts[0].Spec.Workloads, v1alpha1.Grant{Name: fmt.Sprint("more-", i), Epoch: 3})
		parts[1].Spec.Revoked = append(parts[1].Spec.Revoked, v1alpha1.Revocation{Name: fmt.Sprint("gone-", i), Epoch: 3, Version: 14})
		parts = append(parts, assignment(fmt.Sprint("worker-", i), 14, 14, v1alpha1.AssignmentCurrent))
	}
	plain, few := streams()
	failing, troubled := streams()
	troubled[1].Status.SetPhase(v1alpha1.AssignmentFailing, "", metav1.Now())
	troubled[1].Status.Trouble = "the hook says that the program does not run its part: exit status 3"
	for i := range 25 {
		a := assignment(fmt.Sprint("worker-", i), 14, 12, v1alpha1.AssignmentFailing)
		a.Status.Trouble = "no space left on device"
		troubled = append(troubled, a)
	}
	for name, got := range map[string]string{
		"moving":  text.DescribeSwarm(plain, few, "look elsewhere"),
		"failing": text.DescribeSwarm(failing, troubled, "look elsewhere"),
		"fresh":   text.DescribeSwarm(fresh, nil, "look elsewhere"),
		"many":    text.DescribeSwarm(many, parts, "look elsewhere"),
	} {
		got = strings.ReplaceAll(got, then.Format(time.RFC3339), "THEN")
		file := "testdata/" + name + ".txt"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s", file, got)
		}
	}
}
