package images

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// local is the registry that is none: podman's word for what was built or loaded under a name without one.
const local = "localhost"

// meanings are the full names that a name may stand for, the first that exists being the one.
func meanings(name string) ([]string, error) {
	full, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("%q is %w, such as postgres:13 or ghcr.io/a/b:1: %w", name, ErrName, err)
	}
	names := []reference.Named{full}
	if unregistered := reference.FamiliarName(full); reference.Domain(full) == "docker.io" && strings.HasPrefix(name, unregistered) {
		here, err := reference.WithName(local + "/" + unregistered)
		if err != nil {
			return nil, fmt.Errorf("%q is %w: %w", name, ErrName, err)
		}
		names = []reference.Named{here, full}
	}
	var all []string
	for _, n := range names {
		n, err := version(n, full)
		if err != nil {
			return nil, fmt.Errorf("%q is %w: %w", name, ErrName, err)
		}
		all = append(all, n.String())
	}
	return all, nil
}

// version adds the digest or tag of another name: the digest alone if there are both, as podman takes no name with both.
func version(n, of reference.Named) (reference.Named, error) {
	n = reference.TrimNamed(n)
	switch of := of.(type) {
	case reference.Digested:
		return reference.WithDigest(n, of.Digest())
	case reference.Tagged:
		return reference.WithTag(n, of.Tag())
	}
	return reference.TagNameOnly(n), nil
}
