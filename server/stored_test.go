package server_test

import (
	"bytes"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
)

// rewrite has a manifest in the store as an earlier version has stored it, which knew fewer rules.
func rewrite(t *testing.T, objects *store.Objects, name, old, now string) {
	t.Helper()
	x, err := objects.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	before := x.Manifest
	if x.Manifest = bytes.Replace(before, []byte(old), []byte(now), 1); bytes.Equal(before, x.Manifest) {
		t.Fatalf("%s has no %s", before, old)
	}
	if err := objects.Update(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

// What was stored by an earlier version, and breaks a rule of this one, can be suspended, resumed and deleted; whoever changes
// something else of it has to put it right.
func TestStoredByAnEarlierVersion(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	if _, err := s.CreateSwarm(ctx, newSwarm("a", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: []string{"x", "y"}}})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, newList("a", v1alpha1.WorklistSpec{Size: 10, Priority: 5, Block: v1alpha1.BlockPolicy{Size: 3}})); err != nil {
		t.Fatal(err)
	}
	rewrite(t, s.store.Swarms, "a", `["x","y"]`, `["x","x"]`)
	rewrite(t, s.store.Lists, "a", `"block":{"size":3`, `"block":{"size":-3`)
	for _, suspend := range []bool{true, false} {
		patch := map[string]any{"spec": map[string]any{"suspend": suspend}}
		if sw, err := s.PatchSwarm(ctx, "a", patch); err != nil || sw.Spec.Suspend != suspend {
			t.Errorf("suspend: %t: %+v, %v", suspend, sw, err)
		}
		if wl, err := s.Patch(ctx, "a", patch); err != nil || wl.Spec.Suspend != suspend || wl.Spec.Size != 10 {
			t.Errorf("suspend: %t: %+v, %v", suspend, wl, err)
		}
	}
	s.refuses(t, []badCall{
		{"another change", "PATCH", "/v1/swarms/a", `{"spec":{"capacity":5}}`, 422, "spec.workloads.names[1]"},
		{"another change", "PATCH", "/v1/worklists/a", `{"spec":{"priority":6}}`, 422, "spec.block.size"},
		{"and a suspension with it", "PATCH", "/v1/swarms/a", `{"spec":{"capacity":5,"suspend":true}}`, 422, "spec.workloads.names[1]"},
	})
	if _, err := s.Patch(ctx, "a", map[string]any{"spec": map[string]any{"cancelled": true}}); err != nil {
		t.Error(err)
	}
	if err := s.DeleteSwarm(ctx, "a"); err != nil {
		t.Error(err)
	}
	if err := s.Client.Delete(ctx, "a"); err != nil {
		t.Error(err)
	}
}
