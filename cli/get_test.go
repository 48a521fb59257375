package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// A swarm looks the same to those who list it with kubectl.
func TestColumnsAreThoseOfKubectl(t *testing.T) {
	for _, k := range []kind{swarmKind, assignmentKind} {
		raw, err := os.ReadFile("../config/crd/teamtask.dev_" + k.Plural + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var definition apiextensions.CustomResourceDefinition
		if err := yaml.Unmarshal(raw, &definition); err != nil {
			t.Fatal(err)
		}
		always, wide := []string{"NAME"}, []string(nil)
		for _, c := range definition.Spec.Versions[0].AdditionalPrinterColumns {
			if name := strings.ToUpper(c.Name); c.Priority > 0 {
				wide = append(wide, name)
			} else {
				always = append(always, name)
			}
		}
		if got := append(slices.Clone(k.Header), "AGE"); !slices.Equal(got, always) || !slices.Equal(k.Wide, wide) {
			t.Errorf("%s have the columns %q and %q, with kubectl %q and %q", k.Plural, got, k.Wide, always, wide)
		}
	}
}
