package policy

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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

// An overlay says where all images are, that of worker pods among them, which is in no container: each is what it says, also in an
// overlay of an overlay.
func TestOverlayReplacesImages(t *testing.T) {
	dir := t.TempDir()
	overlay := func(name, of, more string) string {
		t.Helper()
		to := filepath.Join(dir, name)
		if err := os.Mkdir(to, 0o700); err != nil {
			t.Fatal(err)
		}
		base, err := filepath.Rel(to, of)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "kustomization.yaml"), []byte("resources: ["+base+"]\n"+more), 0o600); err != nil {
			t.Fatal(err)
		}
		return to
	}
	config, err := filepath.Abs(root("config"))
	if err != nil {
		t.Fatal(err)
	}
	inner := overlay("inner", config, "images:\n- {name: teamtask.dev/teamtask, newName: registry.example.com/a/teamtask, newTag: \"7\"}\n")
	outer := overlay("outer", inner, "images:\n- {name: teamtask.dev/teamtask-controller, newName: registry.example.com/a/controller}\n")
	out, err := running.Kubectl(t.Context(), "kustomize", outer)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := parse(out)
	if err != nil {
		t.Fatal(err)
	}
	d := convert[appsv1.Deployment](t, byID(objects)["Deployment.apps teamtask-controller in teamtask-system"])
	c := d.Spec.Template.Spec.Containers[0]
	if name, _, _ := strings.Cut(c.Image, ":"); name != "registry.example.com/a/controller" {
		t.Errorf("the controller's image is %s", c.Image)
	}
	i := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "TEAMTASK_WORKER_IMAGE" })
	if i < 0 || c.Env[i].Value != "registry.example.com/a/teamtask:7" {
		t.Errorf("the environment is %v", c.Env)
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
