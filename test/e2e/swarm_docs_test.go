package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The manifests of docs/swarms.md with a pool do what is said of them there.
func TestSwarmDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root("docs/swarms.md"))
	if err != nil {
		t.Fatal(err)
	}
	var pools []string
	for _, m := range regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], "\nkind: Swarm\n") && strings.Contains(m[1], "\n  pool: ") {
			pools = append(pools, m[1])
		}
	}
	tests := map[string]func(*testing.T, string){"StatefulSet": toldByConfigMap, "Deployment": joinsByItself}
	if len(pools) != len(tests) {
		t.Errorf("there are %d manifests with a pool, and tests of %d", len(pools), len(tests))
	}
	for kind, test := range tests {
		i := slices.IndexFunc(pools, func(m string) bool { return strings.Contains(m, "\n  pool: {kind: "+kind+",") })
		if i < 0 {
			t.Errorf("there is no manifest with a %s", kind)
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, pools[i])
		})
	}
}

// toldByConfigMap sees the pool scaled, its pods told in a ConfigMap that was there beforehand with nothing in it, and them run what other
// ConfigMaps list. When the Swarm goes that ConfigMap stays, with nothing to run in it.
func toldByConfigMap(t *testing.T, manifest string) {
	s := newSwarm(t)
	s.applyFile("k8s-swarm/statefulset.yaml", "replicas: 2", "replicas: 0")
	s.kubectl("create", "configmap", "north", "--from-literal=gates=stream:north-1\nstream:north-2\n", "--from-literal=yard=stream:north-3")
	s.kubectl("create", "configmap", "south", "--from-literal=gates=stream:south-1\nstream:south-2\nstream:south-3")
	s.kubectl("label", "configmap", "north", "south", "swarm=streams")
	s.kubectl("create", "configmap", "swarm-worker-config")
	s.apply(manifest)
	s.shared(2, 2, 2)

	s.kubectl("delete", "swarm", "streams", "--timeout="+patience.String())
	if left := s.kubectl("get", "configmap", "swarm-worker-config", "--output=jsonpath={.data.config\\.yml}"); left == "" || strings.Contains(left, "jobs") {
		t.Errorf("what is left in the ConfigMap is %q", left)
	}
}

// joinsByItself sees pods join with the binary that was put beside their program.
func joinsByItself(t *testing.T, manifest string) {
	s := newSwarm(t)
	for _, change := range [][2]string{
		{"namespace: video", "namespace: " + s.ns},
		{"registry.example.com/recorder:1", "teamtask.dev/stream:test"},
		{"/record,", "/stream, -dir, /targets,"},
		{"{name: program, mountPath: /teamtask-bin}", "{name: program, mountPath: /teamtask-bin}, {name: targets, mountPath: /targets}"},
		{"{name: program, emptyDir: {}}", "{name: program, emptyDir: {}}, {name: targets, hostPath: {path: " + s.nodeDir() + "}}"},
	} {
		if !strings.Contains(manifest, change[0]) {
			t.Fatalf("the manifest does not have %q", change[0])
		}
		manifest = strings.ReplaceAll(manifest, change[0], change[1])
	}
	s.apply(manifest)
	now := s.shared(2, 2)
	if _, there := now.owners["stream:gate:4"]; !there {
		t.Errorf("the Workload's is not among those shared: %v", now.owners)
	}
}
