package swarm

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The hash decides what moves. It must never change.
func TestHashIsForEver(t *testing.T) {
	for name, want := range map[string]uint64{
		"":               0xefd01f60ba992926,
		"a":              0x82a2a958a9bece5b,
		"cam-1":          0x52c484d5e7868efa,
		"cam-2":          0xc28309bfaf631ad7,
		"stream-0000001": 0xa546982054b4f913,
		"größe":          0x2eb895f56869eaa1,
	} {
		if got := hash(name); got != want {
			t.Errorf("hash(%q) = %#x, want %#x", name, got, want)
		}
	}
}

// Names that follow one another do not stick together.
func TestNeighboursAreSpread(t *testing.T) {
	in := instance{}
	for i := range 1000 {
		in.workloads = append(in.workloads, Workload{Name: fmt.Sprintf("cam-%03d", i)})
	}
	for i := range 10 {
		in.workers = append(in.workers, Worker{Name: fmt.Sprintf("w-%d", i)})
	}
	together := 0
	for _, p := range in.assign(t).Table {
		for i := 1; i < len(p.Workloads); i++ {
			var a, b int
			fmt.Sscanf(p.Workloads[i-1]+p.Workloads[i], "cam-%03dcam-%03d", &a, &b)
			if b == a+1 {
				together++
			}
		}
	}
	if together < 50 || together > 150 { // chance has 100
		t.Errorf("%d of 999 neighbours share a worker", together)
	}
}

// Entries are sorted by hash and then by name, also where very many hashes are alike.
func TestEntriesAreSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hashes := rapid.SliceOf(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Uint64Range(1<<63, 1<<63+3))).Draw(t, "hashes")
		entries := make([]entry, len(hashes))
		for i, h := range hashes {
			entries[i] = entry{hash: h, at: int32(len(hashes) - i)}
		}
		name := func(e entry) string { return fmt.Sprintf("%06d", e.at) }
		sorted := sortEntries(slices.Clone(entries), name)
		slices.SortFunc(entries, func(a, b entry) int {
			if a.hash != b.hash {
				if a.hash < b.hash {
					return -1
				}
				return 1
			}
			return int(a.at - b.at)
		})
		if !slices.Equal(sorted, entries) {
			t.Fatalf("%v, want %v", sorted, entries)
		}
	})
}

func TestLeaving(t *testing.T) {
	for _, c := range []struct {
		start, from, to int
		want            string
	}{{0, 3, 2, "[w-2]"}, {0, 12, 9, "[w-11 w-10 w-9]"}, {5, 2, 0, "[w-6 w-5]"}, {0, 2, 3, "[]"}, {0, 2, 2, "[]"}} {
		if got := fmt.Sprint(Leaving("w", c.start, c.from, c.to)); got != c.want {
			t.Errorf("from %d to %d, starting at %d: %s, want %s", c.from, c.to, c.start, got, c.want)
		}
	}
}
