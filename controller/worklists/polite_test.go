package worklists

import (
	"testing"

	"teamtask.dev/worklist"
)

// However small the blocks that a list asks for, it goes out in some ten thousand Blocks, and it says so.
func TestPolite(t *testing.T) {
	for _, c := range []struct {
		name     string
		of, want worklist.BlockPolicy
		size     int64
		says     bool
	}{
		{"few blocks stay as they are", worklist.BlockPolicy{Size: 10}, worklist.BlockPolicy{Size: 10}, 1000, false},
		{"a million blocks of 1 go out a hundred at a time", worklist.BlockPolicy{Size: 1}, worklist.BlockPolicy{Size: 100}, 1_000_000, true},
		{"in multiples of the list's own", worklist.BlockPolicy{Size: 7}, worklist.BlockPolicy{Size: 105}, 1_000_000, true},
		{"a block that is aimed at has a least size", worklist.BlockPolicy{Min: 1}, worklist.BlockPolicy{Min: 100}, 1_000_000, true},
		{"and stays without a largest", worklist.BlockPolicy{}, worklist.BlockPolicy{Min: 100}, 1_000_000, true},
		{"the largest is not below the least", worklist.BlockPolicy{Max: 5}, worklist.BlockPolicy{Min: 100, Max: 100}, 1_000_000, true},
		{"a small list needs nothing", worklist.BlockPolicy{}, worklist.BlockPolicy{}, 5000, false},
	} {
		got, note := polite(c.of, c.size)
		if got != c.want || (note != "") != c.says {
			t.Errorf("%s: %+v, %q", c.name, got, note)
		}
	}
}
