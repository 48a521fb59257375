package crd

import (
	"errors"
	"strings"
	"testing"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
)

// applied is a manifest that is applied, perhaps as a change of another.
type applied struct {
	line             string // KIND SPEC, or KIND SPEC becomes SPEC, or KIND SPEC started becomes SPEC
	kind, spec, next string
	started          bool
}

func parse(line string) applied {
	c := applied{line: line}
	c.kind, c.spec, _ = strings.Cut(line, " ")
	c.spec, c.next, _ = strings.Cut(c.spec, " becomes ")
	c.spec, c.started = strings.CutSuffix(c.spec, " started")
	return c
}

// apply applies what is there before the manifest.
func (a *applied) apply(t *testing.T, name string) {
	if a.next == "" {
		return
	}
	if err := running.Apply(t.Context(), manifest(a.kind, name, a.spec)); err != nil {
		t.Errorf("%s: %v", a.line, err)
	}
	if a.started {
		if _, err := running.Kubectl(t.Context(), "patch", "worklist", name, "--subresource=status", "--type=merge", "--patch", `{"status":{"next":5}}`); err != nil {
			t.Errorf("%s: %v", a.line, err)
		}
	}
	a.spec = a.next
}

// Bad manifests are refused as they are applied, by Kubernetes and by teamtask, each saying which field it is and what to
// do about it. testdata/bad.txt has the manifests and all of what is said: where one of the two takes it, that is said as well.
func TestBadManifests(t *testing.T) {
	answerAll(t, "testdata/bad.txt", func(line, name string) string {
		return refusal(t, parse(line), name)
	})
}

// refusal is what is said to a case.
func refusal(t *testing.T, b applied, name string) string {
	b.apply(t, name)
	file := write(t, manifest(b.kind, name, b.spec))
	out, err := running.Kubectl(t.Context(), "apply", "--filename", file)
	if err == nil {
		out = "taken"
	}
	answers := "kubectl: " + strings.ReplaceAll(strings.TrimSpace(out), file, "FILE")
	if object := completed(b.kind); object != nil && b.next == "" {
		said := "taken"
		if err := check([]byte(manifest(b.kind, name, b.spec)), object); err != nil {
			said = err.Error()
		}
		answers += "\nteamtask: " + said
	}
	return answers
}

// complete is an object that teamtask takes.
type complete interface{ Complete() error }

// completed is an empty object of a kind that teamtask takes; nil: it does not.
func completed(kind string) complete {
	switch kind {
	case v1alpha1.WorklistKind:
		return &v1alpha1.Worklist{}
	case v1alpha1.SwarmKind:
		return &v1alpha1.Swarm{}
	}
	return nil
}

// check is what `teamtask apply` does with a manifest.
func check(manifest []byte, object complete) error {
	raw, err := yaml.YAMLToJSONStrict(manifest)
	if err != nil {
		return err
	}
	problems, err := kjson.UnmarshalStrict(raw, object)
	if err != nil {
		return v1alpha1.WrongValue(raw, object, err)
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	return object.Complete()
}
