package v1alpha1

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// PublishedKey is the key of a ConfigMap under which all parts of a Swarm are published.
const PublishedKey = "config.yml"

// Published are all parts of a Swarm as its ConfigMap has them, in the format of k8s-swarm.
//
// Version grows with each change, and is no less than that of any part that was known when it was written. An entry's version is
// that with which its jobs changed last: a program that has read the file at some version has read every entry whose version is
// no greater.
type Published struct {
	Workloads map[string]*PublishedPart `json:"workloads"` // by worker
	Version   int64                     `json:"version"`
}

// PublishedPart is a worker's part.
type PublishedPart struct {
	Jobs    []string `json:"jobs"`
	Version int64    `json:"version"`
}

// ReadPublished reads what a ConfigMap has under PublishedKey.
func ReadPublished(text string) (*Published, error) {
	p := &Published{}
	if err := yaml.Unmarshal([]byte(text), p); err != nil {
		return nil, fmt.Errorf("read %s: %w", PublishedKey, err)
	}
	return p, nil
}

// Of is a worker's part, or nil.
func (p *Published) Of(worker string) *PublishedPart {
	if p == nil {
		return nil
	}
	return p.Workloads[worker]
}

// String is the text of the file.
func (p *Published) String() string {
	text, err := yaml.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers
	}
	return string(text)
}
