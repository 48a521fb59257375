package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The manifest of docs/swarms.md with a pool scales the pool, makes the ConfigMap that its pods wait for, and has them run what other
// ConfigMaps list.
func TestSwarmDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root("docs/swarms.md"))
	if err != nil {
		t.Fatal(err)
	}
	var pools []string
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], "\nkind: Swarm\n") && strings.Contains(m[1], "\n  pool: ") {
			pools = append(pools, m[1])
		}
	}
	if len(pools) != 1 {
		t.Fatalf("there are %d manifests with a pool, and a test of one", len(pools))
	}
	s := newSwarm(t)
	s.applyFile("k8s-swarm/statefulset.yaml", "replicas: 2", "replicas: 0")
	s.kubectl("create", "configmap", "north", "--from-literal=gates=stream:north-1\nstream:north-2\n", "--from-literal=yard=stream:north-3")
	s.kubectl("create", "configmap", "south", "--from-literal=gates=stream:south-1\nstream:south-2\nstream:south-3")
	s.kubectl("label", "configmap", "north", "south", "swarm=streams")
	s.apply(pools[0])
	s.shared(2, 2, 2)
}
