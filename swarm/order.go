package swarm

import (
	"cmp"
	"slices"
	"strings"
)

// hash puts names into an order in which neighbours such as cam-1 and cam-2 are far apart, so that what moves together, or
// shares a worker, is not what was named together. It is 64-bit FNV-1a (draft-eastlake-fnv) with the finaliser of
// MurmurHash3 (fmix64, Appleby 2011) on top: without that, names that differ in their last byte stay close, because FNV
// multiplies that byte only once.
//
// It must stay as it is for ever: another hash would move workloads in every swarm at the first upgrade. A golden test
// holds it.
func hash(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// byHash is the order of hashes, and of names where these collide: no two workloads are equal in it.
func (p *problem) byHash(i, j int32) int { return cmp.Compare(p.turn[i], p.turn[j]) }

// byWeight puts the heavier first.
func (p *problem) byWeight(i, j int32) int {
	if c := cmp.Compare(p.units[j], p.units[i]); c != 0 {
		return c
	}
	return p.byHash(i, j)
}

// rank is where a workload stands when room is given: the higher priority first, then what runs already, then the heavier
// (which finds room less easily), then by hash.
type rank struct {
	priority int32
	fresh    bool // it does not run
	units    int64
	turn     int32
	i        int32
}

func (p *problem) rank(i int32) rank {
	w := &p.workloads[i]
	return rank{w.Priority, p.owner[i] == none, p.units[i], p.turn[i], i}
}

func (a rank) compare(b rank) int {
	if c := cmp.Compare(b.priority, a.priority); c != 0 {
		return c
	}
	if a.fresh != b.fresh {
		if b.fresh {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(b.units, a.units); c != 0 {
		return c
	}
	return cmp.Compare(a.turn, b.turn)
}

func (p *problem) byRank(i, j int32) int { return p.rank(i).compare(p.rank(j)) }

// sortByRank puts the highest rank first. Ranks are looked up once, since looking them up is what takes time.
func (p *problem) sortByRank(list []int32) {
	ranks := make([]rank, len(list))
	for at, i := range list {
		ranks[at] = p.rank(i)
	}
	slices.SortFunc(ranks, rank.compare)
	for at := range ranks {
		list[at] = ranks[at].i
	}
}

// entry is a name by its hash and where it stands: the part of a table, or 0, and the place in it. Names are found by sorting
// and merging entries rather than in a map, which for a million names takes several times as long, most of it waiting for
// memory.
type entry struct {
	hash     uint64
	part, at int32
}

// sortEntries sorts by hash, and by name where hashes collide: by the upper bits in two rounds of counting, which leave
// little to be sorted by comparison.
func sortEntries(entries []entry, name func(entry) string) []entry {
	const bits = 11
	from, to := entries, make([]entry, len(entries))
	for _, shift := range [2]int{64 - 2*bits, 64 - bits} {
		var start [1<<bits + 1]int32
		for i := range from {
			start[from[i].hash>>shift&(1<<bits-1)+1]++
		}
		for i := range 1 << bits {
			start[i+1] += start[i]
		}
		for i := range from {
			place := &start[from[i].hash>>shift&(1<<bits-1)]
			to[*place] = from[i]
			*place++
		}
		from, to = to, from
	}
	for lo := 0; lo < len(from); {
		hi := lo + 1
		for hi < len(from) && from[hi].hash>>(64-2*bits) == from[lo].hash>>(64-2*bits) {
			hi++
		}
		if hi-lo > 1 {
			slices.SortFunc(from[lo:hi], func(a, b entry) int {
				if c := cmp.Compare(a.hash, b.hash); c != 0 {
					return c
				}
				return strings.Compare(name(a), name(b))
			})
		}
		lo = hi
	}
	return from
}
