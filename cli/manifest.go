package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
)

// manifest is a document of a file: a worklist or a swarm.
type manifest interface {
	GetName() string
	Complete() error
}

// readManifests reads and checks the worklists and swarms in a file; all of them, before anything is done with the first.
func readManifests(file string, stdin io.Reader) (out []manifest, err error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	docs := utilyaml.NewYAMLReader(bufio.NewReader(in))
	for n := 1; ; n++ {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) && len(out) == 0 {
			return nil, fmt.Errorf("%s: there is no worklist and no swarm in it", file)
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		m, err := readManifest(doc)
		if err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", file, n, err)
		}
		out = append(out, m)
	}
}

// readManifest reads YAML or JSON, and refuses fields that are unknown or stand twice, by their path.
func readManifest(doc []byte) (manifest, error) {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, err
	}
	m, err := ofKind(raw)
	if err != nil {
		return nil, err
	}
	if err := v1alpha1.DecodeStrict(raw, m); err != nil {
		return nil, err
	}
	return m, m.Complete()
}

// ofKind is an empty manifest of the kind that one has. Whatever else is wrong with it is found out when it is read.
func ofKind(raw []byte) (manifest, error) {
	var is struct{ Kind any }
	if err := yaml.Unmarshal(raw, &is); err != nil {
		return &v1alpha1.Worklist{}, nil
	}
	switch is.Kind {
	case v1alpha1.SwarmKind:
		return &v1alpha1.Swarm{}, nil
	case v1alpha1.WorkloadKind:
		return nil, fmt.Errorf("kind: a %s of its own is for Kubernetes: have it in spec.workloads of its Swarm", is.Kind)
	case v1alpha1.AssignmentKind, v1alpha1.BlockKind:
		return nil, fmt.Errorf("kind: is %q, which the server makes; apply a Worklist or a Swarm", is.Kind)
	case v1alpha1.WorklistKind:
		return &v1alpha1.Worklist{}, nil
	case nil:
		return nil, errors.New("kind: is missing; must be Worklist or Swarm")
	}
	return nil, fmt.Errorf("kind: is \"%v\"; must be Worklist or Swarm", is.Kind)
}
