package kube

import (
	"errors"
	"strings"
	"testing"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/cluster"
)

// badCase is a manifest that is refused.
type badCase struct {
	line             string // KIND SPEC, or KIND SPEC becomes SPEC, or KIND SPEC started becomes SPEC
	kind, spec, next string
	started          bool
}

func parseBadCase(line string) badCase {
	c := badCase{line: line}
	c.kind, c.spec, _ = strings.Cut(line, " ")
	c.spec, c.next, _ = strings.Cut(c.spec, " becomes ")
	c.spec, c.started = strings.CutSuffix(c.spec, " started")
	return c
}

// Bad manifests are refused as they are applied, by Kubernetes and by teamtask, each saying which field it is and what to
// do about it. testdata/bad.txt has the manifests and all of what is said: where one of the two takes it, that is said as well.
func TestBadManifests(t *testing.T) {
	c := controlPlane(t)
	answerAll(t, "testdata/bad.txt", func(line, name string) string {
		return refusal(t, c, parseBadCase(line), name)
	})
}

// refusal is what is said to a case.
func refusal(t *testing.T, c *cluster.Cluster, b badCase, name string) string {
	if b.next != "" {
		if err := c.Apply(t.Context(), manifest(b.kind, name, b.spec)); err != nil {
			t.Errorf("%s: %v", b.line, err)
		}
		if b.started {
			if _, err := c.Kubectl(t.Context(), "patch", "worklist", name, "--subresource=status", "--type=merge", "--patch", `{"status":{"next":5}}`); err != nil {
				t.Errorf("%s: %v", b.line, err)
			}
		}
		b.spec = b.next
	}
	file := write(t, manifest(b.kind, name, b.spec))
	out, err := c.Kubectl(t.Context(), "apply", "--filename", file)
	if err == nil {
		out = "taken"
	}
	answers := "kubectl: " + strings.ReplaceAll(strings.TrimSpace(out), file, "FILE")
	if b.kind == v1alpha1.WorklistKind && b.next == "" {
		said := "taken"
		if err := check([]byte(manifest(b.kind, name, b.spec))); err != nil {
			said = err.Error()
		}
		answers += "\nteamtask: " + said
	}
	return answers
}

// check is what `teamtask apply` does with a manifest.
func check(manifest []byte) error {
	raw, err := yaml.YAMLToJSONStrict(manifest)
	if err != nil {
		return err
	}
	var wl v1alpha1.Worklist
	problems, err := kjson.UnmarshalStrict(raw, &wl)
	if err != nil {
		return v1alpha1.WrongValue(raw, &wl, err)
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	return wl.Complete()
}
