package controller

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// What docs/operations.md says a List server and the controller both show of Swarms, the controller shows by those names and labels, and
// nothing else. Package server has the same test.
func TestSwarmMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shared, found := strings.Cut(string(page), "Of swarms a List server and the controller")
	shared, _, ends := strings.Cut(shared, "An alert")
	if !found || !ends {
		t.Fatal("the page lacks the table")
	}
	var documented, shown []string
	for _, m := range regexp.MustCompile("`(teamtask_\\w+(\\{[\\w,]+\\})?)`").FindAllStringSubmatch(shared, -1) {
		documented = append(documented, m[1])
	}
	descriptions := make(chan *prometheus.Desc, 100)
	swarmCensus{}.Describe(descriptions)
	close(descriptions)
	told := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: (\{[\w,]*\})`)
	for d := range descriptions {
		m := told.FindStringSubmatch(d.String())
		shown = append(shown, m[1]+m[2])
	}
	counted, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range counted {
		if strings.HasPrefix(family.GetName(), "teamtask_swarm") {
			shown = append(shown, family.GetName())
		}
	}
	slices.Sort(documented)
	slices.Sort(shown)
	if !slices.Equal(documented, shown) {
		t.Errorf("documented: %q\nshown: %q", documented, shown)
	}
}
