package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// A value of the wrong type is told by its field, with what it must be.
func TestWrongValue(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{`{"block":{"timeout":5}}`, "spec.block.timeout: must be a duration such as 60s"},
		{`{"block":{"timeout":"90"}}`, "spec.block.timeout: must be a duration such as 60s"},
		{`{"block":{"backoff":{"max":{}}}}`, "spec.block.backoff.max: must be a duration such as 60s"},
		{`{"block":[1]}`, "spec.block: must be an object"},
		{`{"size":"x"}`, "spec.size: must be an integer"},
		{`{"size":1.5}`, "spec.size: must be an integer"},
		{`{"priority":3000000000}`, "spec.priority: must be an integer"},
		{`{"suspend":"yes"}`, "spec.suspend: must be true or false"},
		{`{"limits":{"itemsPerSecond":"x"}}`, "spec.limits.itemsPerSecond: must be a quantity such as 64Ki"},
		{`{"after":"x"}`, "spec.after: must be a list"},
		{`{"after":["x",1]}`, "spec.after[1]: must be a string, and is 1: put it in quotes"},
		{`{"toleratedFailures":[1]}`, `spec.toleratedFailures: must be a count (10) or a share of the items ("5%")`},
		{`{"results":{"output":"5x"}}`, "spec.results.output: must be a quantity such as 64Ki"},
		{`{"workers":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}}}`, "spec.workers.template.spec.containers[0].resources.limits.cpu: must be a quantity such as 64Ki"},
		{`{"items":{"product":[{"hosts":"a"},{"range":{"start":"x"}}]}}`, "spec.items.product[1].range.start: must be an integer"},
	} {
		raw := []byte(`{"spec":` + c.spec + `}`)
		var wl v1alpha1.Worklist
		err := json.Unmarshal(raw, &wl)
		if err == nil {
			t.Errorf("%s is taken", c.spec)
			continue
		}
		if got := v1alpha1.WrongValue(raw, &wl, err).Error(); got != c.want {
			t.Errorf("%s: %s, want %s", c.spec, got, c.want)
		}
	}
	var req v1alpha1.ExchangeRequest
	raw := []byte(`{"worker":"w","blocks":"x"}`)
	if err := v1alpha1.WrongValue(raw, &req, json.Unmarshal(raw, &req)); err == nil || err.Error() != "blocks: must be an integer" {
		t.Error(err)
	}
	raw = []byte(`{"worker":`)
	if before := json.Unmarshal(raw, &req); v1alpha1.WrongValue(raw, &req, before) != before {
		t.Error("what is no JSON has no field")
	}
}
