package server_test

import (
	"errors"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// A change to a version of the manifest that is not the newest is refused; a change of nothing makes no new version.
func TestVersions(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	first, err := s.Create(ctx, newList("a", v1alpha1.WorklistSpec{Size: 100}))
	if err != nil {
		t.Fatal(err)
	}
	same, err := s.Apply(ctx, first)
	if err != nil || same.ResourceVersion != first.ResourceVersion || first.ResourceVersion == "" {
		t.Fatalf("applied unchanged: version %q after %q, %v", same.ResourceVersion, first.ResourceVersion, err)
	}
	second, err := s.Patch(ctx, "a", map[string]any{"spec": map[string]any{"suspend": true}})
	if err != nil || second.ResourceVersion == first.ResourceVersion {
		t.Fatalf("patched: version %q after %q, %v", second.ResourceVersion, first.ResourceVersion, err)
	}
	first.Spec.Priority = 7
	var p *client.Problem
	if _, err := s.Apply(ctx, first); !errors.As(err, &p) || p.Status != 412 {
		t.Errorf("a change of what was changed meanwhile: %v", err)
	}
	first.ResourceVersion = ""
	if third, err := s.Apply(ctx, first); err != nil || third.Spec.Priority != 7 || third.Spec.Suspend {
		t.Errorf("a change of whatever there is: %+v, %v", third, err)
	}
}
