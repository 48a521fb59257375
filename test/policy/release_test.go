package policy

import (
	"testing"

	"teamtask.dev/test/cluster"
)

// A release is installed, upgraded, uninstalled and installed anew; the Worklists and Swarms stay.
func TestRelease(t *testing.T) {
	c, err := cluster.Start(t.Context(), t.TempDir()) // of its own: the other has what the chart installs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	release := func(args ...string) {
		t.Helper()
		if _, err := helm(t.Context(), append(args, "--kubeconfig", c.Kubeconfig, "--namespace", "teamtask-system")...); err != nil {
			t.Fatal(err)
		}
	}
	there := func(what ...string) string {
		t.Helper()
		out, err := c.Kubectl(t.Context(), append([]string{"get", "--ignore-not-found", "--output=name"}, what...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	path := root("charts", "teamtask")

	release("install", "teamtask", path, "--create-namespace")
	if err := eventually(t.Context(), func() error {
		return c.Apply(t.Context(), `{apiVersion: teamtask.dev/v1alpha1, kind: Worklist, metadata: {name: primes}, spec: {size: 1000}}
---
{apiVersion: teamtask.dev/v1alpha1, kind: Swarm, metadata: {name: streams}, spec: {workloads: {names: [cctv-0]}}}
---
{apiVersion: teamtask.dev/v1alpha1, kind: Workload, metadata: {name: cctv-1}, spec: {swarm: streams}}
---
{apiVersion: teamtask.dev/v1alpha1, kind: Assignment, metadata: {name: streams.laptop}, spec: {swarm: streams, worker: laptop}}`)
	}); err != nil {
		t.Fatal(err)
	}

	release("upgrade", "teamtask", path, "--set", "server.enabled=true,flowSchemas.install=false")
	if there("deployment", "teamtask-server", "--namespace", "teamtask-system") == "" || there("flowschema", "teamtask-churn") != "" {
		t.Error("the upgrade changed nothing")
	}

	made := []string{"worklist/primes", "swarm/streams", "workload/cctv-1", "assignment/streams.laptop"}
	release("uninstall", "teamtask")
	if there("deployments", "--namespace", "teamtask-system") != "" || there("validatingadmissionpolicies") != "" {
		t.Error("the controller or a policy is left behind")
	}
	for _, name := range made {
		if there(name) == "" {
			t.Errorf("%s went with the release", name)
		}
	}

	release("install", "teamtask", path)
	for _, name := range made {
		if there(name) == "" {
			t.Errorf("%s went with the new release", name)
		}
	}
}
