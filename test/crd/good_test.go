package crd

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Good manifests are taken by Kubernetes and by teamtask alike. testdata/good.txt has them, and each spec with the defaults
// that Kubernetes fills in.
func TestGoodManifests(t *testing.T) {
	answerAll(t, "testdata/good.txt", func(line, name string) string {
		b := parse(line)
		if object := completed(b.kind); object != nil && b.next == "" {
			if err := check([]byte(manifest(b.kind, name, b.spec)), object); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		b.apply(t, name)
		if err := running.Apply(t.Context(), manifest(b.kind, name, b.spec)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		out, err := running.Kubectl(t.Context(), "get", strings.ToLower(b.kind), name, "--output=jsonpath={.spec}")
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		return out
	})
}

// A Swarm that has as much of everything as its schema allows is checked within what the API server spends on the rules of one object. It is
// not stored: etcd does not take all of it at once.
func TestLargestSwarm(t *testing.T) {
	sw := v1alpha1.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: "largest"}}
	for i := range 10_000 {
		sw.Spec.Workloads.Names = append(sw.Spec.Workloads.Names, fmt.Sprintf("stream:%d", i))
	}
	for i := range 4096 {
		x := v1alpha1.WorkloadItem{Name: fmt.Sprintf("backup:%d", i), WorkloadNeeds: v1alpha1.WorkloadNeeds{Requires: map[string]string{}}}
		for j := range 16 {
			x.Requires[fmt.Sprintf("example.com/label-%d", j)] = "true"
		}
		sw.Spec.Workloads.List = append(sw.Spec.Workloads.List, x)
	}
	create := func() (string, error) {
		raw, err := json.Marshal(sw)
		if err != nil {
			t.Fatal(err)
		}
		return running.Kubectl(t.Context(), "create", "--dry-run=server", "--filename", write(t, string(raw)))
	}
	if out, err := create(); err != nil {
		t.Errorf("%.1000s", out)
	}
	sw.Spec.Workloads.List[4095].Name = "stream:9999"
	if out, err := create(); err == nil || !strings.Contains(out, `has "stream:9999", as has spec.workloads.names; take it out of one of them, or rename it`) {
		t.Errorf("%.1000s", out)
	}
}
