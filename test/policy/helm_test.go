package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const helmVersion = "v4.3.1"

// helm runs Helm, which is installed into the user's cache directory the first time, and returns what it prints.
func helm(ctx context.Context, args ...string) (string, error) {
	program, err := installHelm(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("helm %s: %w: %s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
}

func installHelm(ctx context.Context) (program string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "teamtask", "helm-"+helmVersion)
	program = filepath.Join(dir, "helm")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	install := exec.CommandContext(ctx, "go", "install", "helm.sh/helm/v4/cmd/helm@"+helmVersion)
	install.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("install helm: %w: %s", err, out)
	}
	return program, nil
}

// render is what the chart describes with these values, in the order in which Helm applies it.
func render(ctx context.Context, flags ...string) ([]*unstructured.Unstructured, error) {
	out, err := helm(ctx, append([]string{"template", "teamtask", root("charts", "teamtask"), "--namespace", "teamtask-system"}, flags...)...)
	if err != nil {
		return nil, err
	}
	return parse(out)
}

// parse reads manifests.
func parse(manifests string) (objects []*unstructured.Unstructured, err error) {
	in := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := in.Decode(o)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w in:\n%s", err, manifests)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// id names an object among those of a release.
func id(o *unstructured.Unstructured) string {
	return strings.TrimSuffix(o.GroupVersionKind().GroupKind().String()+" "+o.GetName()+" in "+o.GetNamespace(), " in ")
}

func byID(objects []*unstructured.Unstructured) map[string]*unstructured.Unstructured {
	named := map[string]*unstructured.Unstructured{}
	for _, o := range objects {
		named[id(o)] = o
	}
	return named
}
