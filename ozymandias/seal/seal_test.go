package seal_test

import (
	"bytes"
	"slices"
	"testing"

	"teamtask.dev/ozymandias/seal"
)

// What is sealed is opened by the same key, for the same purpose, bound to the same, as a whole; and by nothing else.
func TestSeal(t *testing.T) {
	box := func(first byte, purpose string) *seal.Box {
		t.Helper()
		b, err := seal.New(append([]byte{first}, make([]byte, seal.KeySize-1)...), purpose)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, value := box(1, "tests"), []byte("secret")
	sealed := b.Seal(value, []byte("name"))
	if bytes.Contains(sealed, value) || bytes.Equal(sealed, b.Seal(value, []byte("name"))) {
		t.Errorf("it is sealed as %q", sealed)
	}
	if got, err := box(1, "tests").Open(sealed, []byte("name")); err != nil || !bytes.Equal(got, value) {
		t.Errorf("it is opened as %q, %v", got, err)
	}
	changed := slices.Clone(sealed)
	changed[len(changed)/2] ^= 1
	for what, c := range map[string]struct {
		box           *seal.Box
		sealed, bound string
	}{
		"another key":     {box(2, "tests"), string(sealed), "name"},
		"another purpose": {box(1, "others"), string(sealed), "name"},
		"another name":    {b, string(sealed), "other"},
		"changed":         {b, string(changed), "name"},
		"cut short":       {b, string(sealed[:5]), "name"},
		"nothing":         {b, "", "name"},
	} {
		if got, err := c.box.Open([]byte(c.sealed), []byte(c.bound)); err == nil || got != nil {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	if _, err := seal.New(make([]byte, 31), "tests"); err == nil {
		t.Error("a short key is taken")
	}
}
