package v1alpha1_test

import (
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// A field that is unknown is told by its path, with the one that was probably meant.
func TestUnknownFields(t *testing.T) {
	for _, c := range []struct {
		of              any
		manifest, error string
	}{
		{&v1alpha1.Swarm{}, `{"spec":{"workloads":{"list":[{"name":"a"},{"name":"b","wieght":2}]}}}`, `unknown field "spec.workloads.list[1].wieght"; did you mean "weight"?`},
		{&v1alpha1.Swarm{}, `{"spec":{"workload":{}}}`, `unknown field "spec.workload"; did you mean "workloads"?`},
		{&v1alpha1.Swarm{}, `{"spec":{"configmap":"x"}}`, `unknown field "spec.configmap"; did you mean "configMap"?`},
		{&v1alpha1.Swarm{}, `{"spec":{"handover":{"timeot":"1s"}}}`, `unknown field "spec.handover.timeot"; did you mean "timeout"?`},
		{&v1alpha1.Swarm{}, `{"spec":{"handover":{"colour":"red"}}}`, `unknown field "spec.handover.colour"`},
		{&v1alpha1.Swarm{}, `{"spec":{"pool":{"knd":"x"}}}`, `unknown field "spec.pool.knd"; did you mean "kind"?`},
		{&v1alpha1.Swarm{}, `{"metadata":{"lables":{"a":"b"}}}`, `unknown field "metadata.lables"; did you mean "labels"?`},
		{&v1alpha1.Swarm{}, `{"spce":{}}`, `unknown field "spce"; did you mean "spec"?`},
		{&v1alpha1.Swarm{}, `{"spec":{"x":1}}`, `unknown field "spec.x"`},
		{&v1alpha1.Swarm{}, `{"spec":{"suspend":true,"suspend":true}}`, `duplicate field "spec.suspend"`},
		{&v1alpha1.Swarm{}, `{"spec":{"suspend":1}}`, `spec.suspend: must be true or false`},
		{&v1alpha1.Worklist{}, `{"spec":{"blokcs":{}}}`, `unknown field "spec.blokcs"; did you mean "block"?`},
		{&v1alpha1.Worklist{}, `{"spec":{"block":{"sise":1}}}`, `unknown field "spec.block.sise"; did you mean "size"?`},
		{&v1alpha1.Worklist{}, `{"spec":{"items":{"product":[{"rnage":{}}]}}}`, `unknown field "spec.items.product[0].rnage"; did you mean "range"?`},
		{&v1alpha1.Worklist{}, `{"spec":{"workers":{"template":{"spec":{"containers":[{"resources":{"limit":{}}}]}}}}}`,
			`unknown field "spec.workers.template.spec.containers[0].resources.limit"; did you mean "limits"?`},
	} {
		if err := v1alpha1.DecodeStrict([]byte(c.manifest), c.of); err == nil || err.Error() != c.error {
			t.Errorf("%s: %v\nwant %s", c.manifest, err, c.error)
		}
	}
}

// What is known of names: the nearest is proposed, where it is near.
func TestDidYouMean(t *testing.T) {
	names := []string{"size", "sizes", "timeout", "refresh"}
	for name, want := range map[string]string{
		"szie": "size", "sise": "size", "isze": "size", "siz": "size", "SIZE": "size", "sizess": "sizes", "tiemuot": "timeout", "refesh": "refresh",
		"s": "", "si": "", "time": "", "fresh": "", "": "",
	} {
		if want != "" {
			want = `; did you mean "` + want + `"?`
		}
		if got := v1alpha1.DidYouMean(name, names); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
