package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
)

// swarm is a site with a Swarm named streams. Who consumes a workload has its target locked, a file on the node, and writes into a log
// beside it when it begins, when it ends, and when somebody else has it locked.
type swarm struct {
	*site
	targets string // directory
}

func newSwarm(t *testing.T) *swarm {
	t.Helper()
	s := &swarm{site: newSite(t)}
	s.targets = filepath.Join(running.Dir, "nodes", running.Nodes[0].Name, s.nodeDir()[len("/var/"):])
	s.must(errors.Join(os.MkdirAll(s.targets, 0o755), os.Chmod(s.targets, 0o777)))
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, args := range [][]string{
			{"swarms,assignments,statefulsets,deployments,pods", "--output=wide"}, {"swarms,assignments,configmaps", "--output=yaml"},
		} {
			out, err := running.Kubectl(context.WithoutCancel(t.Context()), append([]string{"get", "--namespace", s.ns}, args...)...)
			t.Log(out, err)
		}
		consumers, err := s.consumers()
		log, _ := os.ReadFile(filepath.Join(s.targets, "log"))
		t.Logf("consumers: %v; %v\n%s", consumers, err, log)
	})
	return s
}

// nodeDir is the targets' directory as the node sees it, whose directory on this machine is its /var.
func (s *swarm) nodeDir() string { return "/var/targets/" + s.ns }

// read is a manifest of testdata, with other texts in place of some, given in pairs.
func (s *swarm) read(file string, changes ...string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	s.must(err)
	text := strings.ReplaceAll(string(b), "hostPath: {path: /targets}", "hostPath: {path: "+s.nodeDir()+"}")
	for change := range slices.Chunk(changes, 2) {
		if !strings.Contains(text, change[0]) {
			s.t.Fatalf("%s does not have %q", file, change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	return text
}

func (s *swarm) applyFile(file string, changes ...string) {
	s.t.Helper()
	s.apply(s.read(file, changes...))
}

// table is who runs what.
type table struct {
	pods    map[string]corev1.Pod // by worker
	owners  map[string]string     // workers, by workload
	entries map[string]entry      // of the ConfigMap, by worker, if there is one
}

// entry is a worker's part as programs find it that know k8s-swarm only.
type entry struct {
	Jobs    []string `json:"jobs"`
	Version int64    `json:"version"`
}

// part is what a worker runs.
func (t table) part(worker string) (part []string) {
	for workload, owner := range t.owners {
		if owner == worker {
			part = append(part, workload)
		}
	}
	slices.Sort(part)
	return part
}

// moved are the workloads that have another owner in a table, or none.
func (t table) moved(to table) (moved []string) {
	for workload, owner := range t.owners {
		if to.owners[workload] != owner {
			moved = append(moved, workload)
		}
	}
	return moved
}

// shared waits until the Swarm has converged, and its pods consume so many workloads each, in any order: every one those of its
// Assignment, in truth. So each has one consumer. That it never had two is seen by none having been refused.
func (s *swarm) shared(loads ...int) (now table) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d pods share as %v", len(loads), loads), func() error {
		s.nobodyRefused()
		var err error
		if now, err = s.look(); err != nil {
			return err
		}
		var have []int
		for worker := range now.pods {
			have = append(have, len(now.part(worker)))
		}
		slices.Sort(have)
		if want := slices.Sorted(slices.Values(loads)); !slices.Equal(have, want) {
			return fmt.Errorf("they have %v", have)
		}
		return nil
	})
	return now
}

// look is the table of a Swarm that has converged, unless what its pods do is something else.
func (s *swarm) look() (table, error) {
	s.t.Helper()
	now := table{pods: map[string]corev1.Pod{}, owners: map[string]string{}}
	var sw v1alpha1.Swarm
	s.must(s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "streams"}, &sw))
	if sw.Status.Phase() != v1alpha1.SwarmConverged {
		return now, fmt.Errorf("it is %v", sw.Status.Conditions)
	}
	var pods corev1.PodList
	s.must(s.client.List(s.t.Context(), &pods, client.InNamespace(s.ns)))
	for _, p := range pods.Items {
		if p.DeletionTimestamp != nil {
			return now, fmt.Errorf("%s is going", p.Name)
		}
		now.pods[p.Name] = p
	}
	var parts v1alpha1.AssignmentList
	s.must(s.client.List(s.t.Context(), &parts, client.InNamespace(s.ns)))
	for _, a := range parts.Items {
		if _, there := now.pods[a.Spec.Worker]; !there {
			return now, fmt.Errorf("there is an Assignment of %s, and no pod", a.Spec.Worker)
		}
		for _, w := range a.Spec.Workloads {
			now.owners[w.Name] = a.Spec.Worker
		}
	}
	if len(parts.Items) != len(now.pods) || int(sw.Status.Workers) != len(now.pods) {
		return now, fmt.Errorf("%d pods have %d Assignments, and the Swarm speaks of %d", len(now.pods), len(parts.Items), sw.Status.Workers)
	}
	if int64(len(now.owners)) != sw.Status.Workloads {
		return now, fmt.Errorf("of %d workloads %d are assigned", sw.Status.Workloads, len(now.owners))
	}
	consumers, err := s.consumers()
	if err != nil {
		return now, err
	}
	for workload := range maps.Keys(consumers) {
		if now.owners[workload] == "" {
			return now, fmt.Errorf("%s is consumed still", workload)
		}
	}
	for workload, owner := range now.owners {
		if consumers[workload] != now.pods[owner].UID {
			return now, fmt.Errorf("%s is assigned to %s, pod %s, and consumed by pod %q", workload, owner, now.pods[owner].UID, consumers[workload])
		}
	}
	if sw.Spec.ConfigMap == "" {
		return now, nil
	}
	now.entries, err = s.entries(sw.Spec.ConfigMap)
	return now, errors.Join(err, published(now))
}

// nobodyRefused fails the test if a workload ever had two owners.
func (s *swarm) nobodyRefused() {
	s.t.Helper()
	log, err := os.ReadFile(filepath.Join(s.targets, "log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, " refused ") {
			s.t.Fatalf("somebody was refused: %s", line)
		}
	}
}

// entries reads a ConfigMap as k8s-swarm's workers do: with its keys, and no others.
func (s *swarm) entries(configMap string) (map[string]entry, error) {
	var cm corev1.ConfigMap
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: configMap}, &cm); err != nil {
		return nil, err
	}
	var config struct {
		Workloads map[string]entry `json:"workloads"`
		Version   int64            `json:"version"`
	}
	err := yaml.UnmarshalStrict([]byte(cm.Data["config.yml"]), &config)
	return config.Workloads, err
}

// published compares the ConfigMap with the table.
func published(now table) error {
	for worker, e := range now.entries {
		if jobs := slices.Sorted(slices.Values(e.Jobs)); !slices.Equal(jobs, now.part(worker)) {
			return fmt.Errorf("%s has %v, and finds %v in the ConfigMap", worker, now.part(worker), jobs)
		}
	}
	for worker := range now.pods {
		if _, there := now.entries[worker]; !there {
			return fmt.Errorf("%s has no entry in the ConfigMap", worker)
		}
	}
	return nil
}

// movedOnly checks that so many workloads have moved from one table to the next.
func (s *swarm) movedOnly(before, after table, want int) {
	s.t.Helper()
	if moved := before.moved(after); len(moved) != want {
		s.t.Errorf("%d workloads have moved, and %d had to: %v", len(moved), want, moved)
	}
}

// restartedOnly checks that of the pods that are still there these are others now, or began anew, and no more.
func (s *swarm) restartedOnly(before, after table, want ...string) {
	s.t.Helper()
	var restarted []string
	for worker, was := range before.pods {
		if is, there := after.pods[worker]; there && (is.UID != was.UID || restarts(is) != restarts(was)) {
			restarted = append(restarted, worker)
		}
	}
	slices.Sort(restarted)
	if !slices.Equal(restarted, want) {
		s.t.Errorf("%v were restarted, not %v", restarted, want)
	}
}

func restarts(p corev1.Pod) (n int32) {
	for _, c := range p.Status.ContainerStatuses {
		n += c.RestartCount
	}
	return n
}

// killed kills a program of a worker's pod, and waits until it runs again.
func (s *swarm) killed(worker corev1.Pod, program string) {
	s.t.Helper()
	s.must(kill(&worker, program))
	s.kubectl("wait", fmt.Sprintf("--for=jsonpath={.status.containerStatuses[0].restartCount}=%d", restarts(worker)+1), "--timeout="+patience.String(), "pod/"+worker.Name)
}
