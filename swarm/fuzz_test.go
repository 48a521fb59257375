package swarm

import (
	"testing"

	"pgregory.net/rapid"
)

// FuzzAssign holds any instance against the rules, led by what code is reached.
func FuzzAssign(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		in := drawAny(t)
		v := look(t, in)
		everyTable(t, v)
		in.previous = v.Table
		if again := in.assign(t); len(again.Moves) > 0 {
			t.Fatalf("assigned again it moves %v", again.Moves)
		}
	}))
}
