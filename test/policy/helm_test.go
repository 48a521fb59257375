package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// helm runs Helm, which is installed into the user's cache directory the first time, and returns what it prints.
func helm(ctx context.Context, args ...string) (string, error) {
	program, err := exec.CommandContext(ctx, root("hack", "helm.sh")).Output()
	if err != nil {
		return "", fmt.Errorf("hack/helm.sh: %w", err)
	}
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(program)), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("helm %s: %w: %s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
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
