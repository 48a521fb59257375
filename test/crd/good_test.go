package crd

import (
	"strings"
	"testing"
)

// Good manifests are taken by Kubernetes and by teamtask alike. testdata/good.txt has them, and each spec with the defaults
// that Kubernetes fills in.
func TestGoodManifests(t *testing.T) {
	answerAll(t, "testdata/good.txt", func(line, name string) string {
		b := parse(line)
		if object := completed(b.kind); object != nil && b.next == "" {
			if err := check([]byte(manifest(b.kind, name, b.spec)), object); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		b.apply(t, name)
		if err := running.Apply(t.Context(), manifest(b.kind, name, b.spec)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		out, err := running.Kubectl(t.Context(), "get", strings.ToLower(b.kind), name, "--output=jsonpath={.spec}")
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		return out
	})
}
