package policy

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "render config/manager/manager.yaml from the chart")

// The chart with its default values and config/ describe the same objects, but that only config/ has the namespace, and that
// Helm is told to keep the CRDs.
func TestChartAndKustomizeAgree(t *testing.T) {
	rendered, err := render(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := running.Kubectl(t.Context(), "kustomize", root("config"))
	if err != nil {
		t.Fatal(err)
	}
	written, err := parse(out)
	if err != nil {
		t.Fatal(err)
	}
	chart, config := byID(rendered), byID(written)
	const namespace = "Namespace teamtask-system"
	if _, ok := config[namespace]; !ok {
		t.Error("config/ lacks the namespace")
	}
	delete(config, namespace)
	for name, o := range chart {
		annotations := o.GetAnnotations()
		delete(annotations, "helm.sh/resource-policy")
		o.SetAnnotations(annotations)
		if other, ok := config[name]; !ok {
			t.Errorf("only the chart has %s", name)
		} else if !reflect.DeepEqual(o.Object, other.Object) {
			t.Errorf("%s differs; if it is rendered from the chart: go test ./test/policy -run Kustomize -update", name)
		}
	}
	for name := range config {
		if _, ok := chart[name]; !ok {
			t.Errorf("only config/ has %s", name)
		}
	}
}

// renderManager writes what the chart's templates describe: all that is in no file of config/ that is written by hand.
func renderManager(ctx context.Context) error {
	chart, err := render(ctx)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(root("config", "*", "*.yaml"))
	if err != nil {
		return err
	}
	manager := root("config", "manager", "manager.yaml")
	byHand := map[string]bool{}
	for _, file := range files {
		if file == manager {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		objects, err := parse(string(b))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, o := range objects {
			byHand[id(o)] = true
		}
	}
	var out strings.Builder
	out.WriteString("# Rendered from charts/teamtask: see ../kustomization.yaml.\n")
	for _, o := range chart {
		if byHand[id(o)] {
			continue
		}
		b, err := yaml.Marshal(o.Object)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "---\n%s", b)
	}
	return os.WriteFile(manager, []byte(out.String()), 0o644)
}
