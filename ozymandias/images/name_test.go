package images

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// What a name may stand for, in the order in which it is looked for.
func TestMeanings(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	for name, want := range map[string][]string{
		"web-app-image":                 {"localhost/web-app-image:latest", "docker.io/library/web-app-image:latest"},
		"postgres:13":                   {"localhost/postgres:13", "docker.io/library/postgres:13"},
		"ada/app:2":                     {"localhost/ada/app:2", "docker.io/ada/app:2"},
		"ada/app" + digest:              {"localhost/ada/app" + digest, "docker.io/ada/app" + digest},
		"localhost/app":                 {"localhost/app:latest"},
		"localhost:5000/app":            {"localhost:5000/app:latest"},
		"docker.io/postgres":            {"docker.io/library/postgres:latest"},
		"docker.io/library/postgres":    {"docker.io/library/postgres:latest"},
		"library/postgres":              {"docker.io/library/postgres:latest"},
		"ghcr.io/a/b/c:1":               {"ghcr.io/a/b/c:1"},
		"registry.example/a" + digest:   {"registry.example/a" + digest},
		"registry.example/a:1" + digest: {"registry.example/a" + digest},
	} {
		if got, err := meanings(name); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "Web", "a:", ":1", "a b", "../a", strings.Repeat("0", 64), strings.Repeat("a", 300), "a@sha256:1"} {
		if got, err := meanings(name); !errors.Is(err, ErrName) || !strings.Contains(err.Error(), "is no name of an image") {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
}
