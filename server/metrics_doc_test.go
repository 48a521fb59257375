package server_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// The page for those who run a server names every metric that it has, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	if _, err := s.Create(t.Context(), newList("a", v1alpha1.WorklistSpec{Size: 1})); err != nil {
		t.Fatal(err)
	}
	if err := s.Work(t.Context(), "a", nothing, worker("w")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateSwarm(t.Context(), newSwarm("s", v1alpha1.SwarmSpec{})); err != nil {
		t.Fatal(err)
	}
	status, text := s.raw(t, http.MethodGet, "/metrics", "", nil)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	served := regexp.MustCompile(`(?m)^# TYPE (teamtask_\w+)`).FindAllStringSubmatch(text, -1)
	for _, m := range served {
		if !strings.Contains(string(page), "`"+m[1]) {
			t.Errorf("%s is not documented", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(teamtask_\\w+)").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(text, "# TYPE "+m[1]+" ") {
			t.Errorf("%s is documented and not there", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(teamtask_\\w+)\\{([\\w,]+)\\}`").FindAllStringSubmatch(string(page), -1) {
		want := strings.Split(m[2], ",")
		slices.Sort(want)
		series := regexp.MustCompile(`(?m)^`+m[1]+`\{([^}]*)\}`).FindAllStringSubmatch(text, -1)
		if len(series) == 0 {
			t.Errorf("of %s there is nothing", m[1])
		}
		for _, labels := range series {
			var got []string
			for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(labels[1], -1) {
				got = append(got, label[1])
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s is documented with the labels %q, and has %q", m[1], want, got)
			}
		}
	}
	if len(served) < 8 {
		t.Errorf("only %d metrics", len(served))
	}
}
