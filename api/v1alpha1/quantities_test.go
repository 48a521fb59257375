package v1alpha1_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// A quantity that takes hours to read is refused by its field, and is not read. The deadline is that of the test: without the check
// it is not met by far.
func TestCheckQuantities(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const rule = ": must be a quantity such as 64Ki, whose exponent has two digits at most"
	for _, c := range []struct{ spec, want string }{
		{`{"limits":{"itemsPerSecond":"1e999999999999"}}`, "spec.limits.itemsPerSecond" + rule},
		{`{"limits":{"itemsPerSecond":"1E-999999999"}}`, "spec.limits.itemsPerSecond" + rule},
		{`{"limits":{"itemsPerSecond":1e-999999999}}`, "spec.limits.itemsPerSecond" + rule},
		{`{"limits":{"itemsPerSecond":"1e999999999","itemsPerSecond":"5"}}`, ""},
		{`{"limits":{"ITEMSPERSECOND":"1e999999999"}}`, ""},
		{`{"limits":{"itemsPerSecond":"` + strings.Repeat("9", 1000) + `"}}`, "spec.limits.itemsPerSecond" + rule},
		{`{"results":{"limit":"1e+999999999"}}`, "spec.results.limit" + rule},
		{`{"workers":{"template":{"spec":{"containers":[{},{"resources":{"limits":{"cpu":"1e999999999"}}}]}}}}`, "spec.workers.template.spec.containers[1].resources.limits.cpu" + rule},
		{`{"workers":{"template":{"spec":{"volumes":[{"emptyDir":{"sizeLimit":"1e999999999"}}]}}}}`, "spec.workers.template.spec.volumes[0].emptyDir.sizeLimit" + rule},
		{`{"limits":5,"results":{"limit":"1e999999999"}}`, "spec.limits: must be an object"},
	} {
		refused := make(chan error, 1)
		go func() { refused <- v1alpha1.CheckQuantities([]byte(`{"spec":`+c.spec+`}`), new(v1alpha1.Worklist)) }()
		select {
		case err := <-refused:
			if err == nil || c.want != "" && err.Error() != c.want {
				t.Errorf("%.80s: %v, want %s", c.spec, err, c.want)
			}
		case <-ctx.Done():
			t.Fatalf("%.80s is read still", c.spec)
		}
	}
}

// What can be read passes, and so does what is wrong in another way: that is said when it is decoded.
func TestCheckQuantitiesLetsOthersPass(t *testing.T) {
	for _, spec := range []string{
		`{}`, `5`, `{"limits":{"itemsPerSecond":"1e99"}}`, `{"limits":{"itemsPerSecond":1e5}}`, `{"limits":{"itemsPerSecond":null}}`, `{"limits":{"itemsPerSecond":"x"}}`,
		`{"limits":{"blocks":"x"}}`, `{"items":{"strings":{"values":["1e999999999"]}}}`,
		`{"workers":{"template":{"spec":{"containers":[{"command":["1e999999999"],"resources":{"limits":{"memory":"0.5Gi"}}}]}}}}`,
	} {
		if err := v1alpha1.CheckQuantities([]byte(`{"spec":`+spec+`}`), new(v1alpha1.Worklist)); err != nil {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if err := v1alpha1.CheckQuantities([]byte(`{`), new(v1alpha1.Worklist)); err != nil {
		t.Errorf("what is no JSON: %v", err)
	}
	for range 2 { // the second time it is known
		if err := v1alpha1.CheckQuantities([]byte(`"1e999999999"`), new(json.RawMessage)); err != nil {
			t.Errorf("what has no quantities: %v", err)
		}
	}
	if err := v1alpha1.CheckQuantities([]byte(`{"a":"1e999999999"}`), new(any)); err != nil {
		t.Errorf("what may be anything: %v", err)
	}
}
