package crd

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
)

// odd are values that one part or the other of what reads manifests takes for a duration, a time, a quantity or a number.
var odd = []any{
	"", "x", "5", "0", "-1", "1d", "1w", "1 day", "1h1", "1.5h", "1.h", ".5h", "+1h", "-1h", "1H", "99999999999999h", "1µs", "Infinity", "NaN",
	"1e3", "1E3", "1e1.5", "1e", "1e99", "1e999999999999", "1Ki", "1ki", "1K", "1 Ki", "0x10", "1_000", "1.", ".5", ".", "+1", "+-1", "5%", "1e1%",
	"2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.123456Z",
	"2026-01-01 00:00:00Z", "2026-02-30T00:00:00.000000Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-01-01T24:00:00.000000Z",
	"2026-01-01T23:59:60Z", "2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00.000000+00:00", "0000-01-01T00:00:00Z",
	int64(0), int64(-1), int64(1) << 31, int64(-1)<<31 - 1, int64(1) << 53, int64(1<<63 - 1), int64(-1 << 63),
	0.5, 1e10, 1e20, 1e300, -1e300, true, nil, []any{}, []any{nil}, map[string]any{}, map[string]any{"": nil},
}

// field is one of a kind's, with its schema and its type in Go.
type field struct {
	path   string
	schema *apiextensions.JSONSchemaProps
	of     reflect.Type
}

// fields are all of a kind's spec and status.
func fields(t *testing.T, plural string, kind reflect.Type) (all []field) {
	t.Helper()
	var visit func(path string, s *apiextensions.JSONSchemaProps, of reflect.Type)
	visit = func(path string, s *apiextensions.JSONSchemaProps, of reflect.Type) {
		for of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields {
			return // a source nested deeper than the schema goes: refused by a rule
		}
		all = append(all, field{path, s, of})
		for name := range s.Properties {
			p := s.Properties[name]
			if inner, ok := member(of, name); ok {
				visit(path+"."+name, &p, inner)
			} else {
				t.Errorf("%s.%s is in the schema, but not in %s", path, name, of)
			}
		}
		if s.Items != nil {
			visit(path+"[]", s.Items.Schema, of.Elem())
		}
		if s.AdditionalProperties != nil {
			visit(path+"{}", s.AdditionalProperties.Schema, of.Elem())
		}
	}
	schema := readSchema(t, plural)
	for _, part := range []string{"spec", "status"} {
		p, ok := schema.Properties[part]
		if !ok {
			continue // a Workload has no status
		}
		of, _ := member(kind, part)
		visit(part, &p, of)
	}
	return all
}

// ruled tells whether a field's form is up to a rule, which only the API server evaluates.
func (f field) ruled() bool {
	return len(f.schema.XValidations) > 0 && reflect.PointerTo(f.of).Implements(reflect.TypeFor[json.Unmarshaler]())
}

// reads tells whether Go reads a value of the field.
func (f field) reads(value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, reflect.New(f.of).Interface())
}

var kinds = map[string]reflect.Type{
	"worklists": reflect.TypeFor[v1alpha1.Worklist](), "blocks": reflect.TypeFor[v1alpha1.Block](),
	"swarms": reflect.TypeFor[v1alpha1.Swarm](), "assignments": reflect.TypeFor[v1alpha1.Assignment](), "workloads": reflect.TypeFor[v1alpha1.Workload](),
}

// Programs read all that the API server takes. A controller that reads one object it cannot understand reads no other, so
// one namespace could stop the work of all.
func TestAcceptedIsRead(t *testing.T) {
	tried := map[string]bool{} // by pattern and type: there are hundreds of quantities in a pod
	for plural, kind := range kinds {
		for _, f := range fields(t, plural, kind) {
			if f.ruled() {
				continue
			}
			takes := accepts(t, f.schema)
			for _, value := range odd {
				if takes(value) {
					if err := f.reads(value); err != nil {
						t.Errorf("%s: %s takes %#v: %v", plural, f.path, value, err)
					}
				}
			}
			if key := f.schema.Pattern + f.of.String(); f.schema.Pattern != "" && !tried[key] && !t.Failed() {
				tried[key] = true
				rapid.Check(t, func(t *rapid.T) {
					value := rapid.StringMatching(f.schema.Pattern).Draw(t, f.path)
					if err := f.reads(value); takes(value) && err != nil {
						t.Errorf("%s: %s takes %q: %v", plural, f.path, value, err)
					}
				})
			}
		}
	}
	if len(tried) < 3 {
		t.Errorf("only %d patterns were tried", len(tried))
	}
}

// The same of fields whose form is up to a rule.
func TestAcceptedByRuleIsRead(t *testing.T) {
	var manifests strings.Builder
	var tried []field
	values := map[string]any{}
	guards, later := map[string]bool{}, map[string]string{} // what rules begin with: the form
	for plural, kind := range kinds {
		for _, f := range fields(t, plural, kind) {
			if !f.ruled() {
				continue
			}
			guard, _, _ := strings.Cut(f.schema.XValidations[0].Rule, " && ")
			if guard = f.of.String() + ": " + guard; strings.HasPrefix(f.path, "status") {
				later[f.path] = guard
				continue
			}
			guards[guard] = true
			for _, value := range odd {
				if value == nil {
					continue // as good as left out
				}
				name := fmt.Sprintf("odd-%d", len(tried))
				tried, values[name] = append(tried, f), value
				object := map[string]any{"size": 1}
				for at, steps := object, strings.Split(f.path, ".")[1:]; len(steps) > 0; steps = steps[1:] {
					if len(steps) == 1 {
						at[steps[0]] = value
						break
					}
					inner := map[string]any{}
					at[steps[0]] = inner
					at = inner
				}
				raw, err := json.Marshal(map[string]any{"apiVersion": v1alpha1.APIVersion, "kind": "Worklist", "metadata": map[string]any{"name": name}, "spec": object})
				if err != nil {
					t.Fatal(err)
				}
				manifests.Write(raw)
				manifests.WriteString("\n---\n")
			}
		}
	}
	for path, guard := range later {
		if !guards[guard] {
			t.Errorf("%s: %s is not tried on any field of a spec", path, guard)
		}
	}
	// An error is what is asked for: most are refused.
	out, _ := running.Kubectl(t.Context(), "create", "--dry-run=server", "--output=name", "-f", write(t, manifests.String()))
	taken := 0
	for line := range strings.Lines(out) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "worklist.teamtask.dev/")
		if !ok {
			continue
		}
		taken++
		var n int
		fmt.Sscanf(name, "odd-%d", &n)
		if err := tried[n].reads(values[name]); err != nil {
			t.Errorf("%s takes %#v: %v", tried[n].path, values[name], err)
		}
	}
	if taken == 0 || taken == len(tried) {
		t.Errorf("%d of %d are taken: %s", taken, len(tried), out)
	}
}
