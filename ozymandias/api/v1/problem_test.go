package v1_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"teamtask.dev/ozymandias/api/v1"
)

// Every type of problem has a section in docs/errors.md where its URL leads, and every section a type.
func TestEveryTypeIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var sections []v1.ProblemType
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllSubmatch(page, -1) {
		sections = append(sections, v1.ProblemType(m[1]))
	}
	types := v1.ProblemTypes()
	own := len(types)
	ingress, err := os.ReadFile("../../ingress/problem.go") // which answers for itself
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"(ingress-[a-z-]+)"`).FindAllSubmatch(ingress, -1) {
		types = append(types, v1.ProblemType(m[1]))
	}
	if own+4 != len(types) {
		t.Errorf("the ingress has %q", types[own:])
	}
	for _, kind := range types {
		if !slices.Contains(sections, kind) {
			t.Errorf("%s has no section", kind)
		}
	}
	for _, kind := range types[:own] {
		p := kind.New("why")
		if p.Type != "https://teamtask.dev/docs/errors#"+string(kind) || !p.Of(kind) || p.Status < 400 || p.Title == "" || p.Error() != "why" {
			t.Errorf("%s: %+v", kind, p)
		}
	}
	for _, section := range sections {
		if !slices.Contains(types, section) {
			t.Errorf("section %s is about no type", section)
		}
	}
	if len(sections) != len(types) {
		t.Errorf("%d sections, %d types", len(sections), len(types))
	}
}
