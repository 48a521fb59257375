package worklist

import (
	"iter"
	"slices"
	"sort"
)

// chunkCap bounds the entries of one chunk of a Map. An insertion moves at most that many entries, whatever the size of
// the map; 256 entries of a Set are 4 KiB, a page.
const chunkCap = 256

// Map maps indexes to values, holding each run of equal values as one range: what makes the record of a list of 10^12
// items fit in a line. The zero Map is empty and ready to use. It is not safe for concurrent use.
//
// Invariant: entries are ordered, disjoint and not empty; two entries that touch have different values; no chunk is
// empty or larger than chunkCap.
type Map[V comparable] struct {
	chunks [][]entry[V]
	sum    int64 // indexes covered
	n      int   // entries
}

type entry[V comparable] struct {
	Range
	v V
}

// Set is a set of indexes as merged ranges.
type Set = Map[struct{}]

// Sum is the number of indexes in the map.
func (m *Map[V]) Sum() int64 { return m.sum }

// Len is the number of merged ranges.
func (m *Map[V]) Len() int { return m.n }

// Put gives every index of r the value v, whatever it had before.
func (m *Map[V]) Put(r Range, v V) {
	if r.Size() == 0 {
		return
	}
	c, i := m.seek(r.Start)
	if m.valid(c, i) && m.chunks[c][i].Start < r.End {
		m.Delete(r)
		c, i = m.seek(r.Start)
	}
	m.sum += r.Size()

	// Merge with the neighbours that touch and have the same value.
	pc, pi, left := m.before(c, i)
	left = left && m.chunks[pc][pi].End == r.Start && m.chunks[pc][pi].v == v
	right := m.valid(c, i) && m.chunks[c][i].Start == r.End && m.chunks[c][i].v == v
	switch {
	case left && right:
		m.chunks[pc][pi].End = m.chunks[c][i].End
		m.remove(c, i)
	case left:
		m.chunks[pc][pi].End = r.End
	case right:
		m.chunks[c][i].Start = r.Start
	default:
		m.insert(c, i, entry[V]{r, v})
	}
}

// Delete removes every index of r.
func (m *Map[V]) Delete(r Range) {
	if r.Size() == 0 {
		return
	}
	for {
		c, i := m.seek(r.Start)
		if !m.valid(c, i) || m.chunks[c][i].Start >= r.End {
			return
		}
		e := &m.chunks[c][i]
		m.sum -= e.Intersect(r).Size()
		switch {
		case e.Start < r.Start && r.End < e.End:
			rest := entry[V]{Range{r.End, e.End}, e.v}
			e.End = r.Start
			m.insert(c, i+1, rest)
			return
		case e.Start < r.Start:
			e.End = r.Start
		case r.End < e.End:
			e.Start = r.End
			return
		default:
			m.remove(c, i)
		}
	}
}

// Within yields the parts of r that are in the map, in order. The map must not change meanwhile.
func (m *Map[V]) Within(r Range) iter.Seq2[Range, V] {
	return func(yield func(Range, V) bool) {
		if r.Size() == 0 {
			return
		}
		c, i := m.seek(r.Start)
		for ; c < len(m.chunks); c, i = c+1, 0 {
			for ; i < len(m.chunks[c]); i++ {
				e := m.chunks[c][i]
				if e.Start >= r.End {
					return
				}
				if !yield(e.Intersect(r), e.v) {
					return
				}
			}
		}
	}
}

// All yields the merged ranges in order. The map must not change meanwhile.
func (m *Map[V]) All() iter.Seq2[Range, V] {
	return func(yield func(Range, V) bool) {
		for _, chunk := range m.chunks {
			for _, e := range chunk {
				if !yield(e.Range, e.v) {
					return
				}
			}
		}
	}
}

// Ranges are the merged ranges, at most limit of them; limit <= 0 means all.
func (m *Map[V]) Ranges(limit int) []Range {
	if limit <= 0 || limit > m.n {
		limit = m.n
	}
	out := make([]Range, 0, limit)
	for r := range m.All() {
		if len(out) == limit {
			break
		}
		out = append(out, r)
	}
	return out
}

// Gaps yields the parts of r that are not in the map, in order. The map must not change meanwhile.
func (m *Map[V]) Gaps(r Range) iter.Seq[Range] {
	return func(yield func(Range) bool) {
		at := r.Start
		for x := range m.Within(r) {
			if at < x.Start && !yield(Range{at, x.Start}) {
				return
			}
			at = x.End
		}
		if at < r.End {
			yield(Range{at, r.End})
		}
	}
}

// Covers tells whether every index of r is in the map.
func (m *Map[V]) Covers(r Range) bool {
	for range m.Gaps(r) {
		return false
	}
	return true
}

// Get is the value of index i.
func (m *Map[V]) Get(i int64) (v V, ok bool) {
	for _, v := range m.Within(Range{i, i + 1}) {
		return v, true
	}
	return v, false
}

// First is the entry with the lowest indexes.
func (m *Map[V]) First() (r Range, v V, ok bool) {
	for r, v := range m.All() {
		return r, v, true
	}
	return r, v, false
}

// Clone is a copy that shares nothing with m.
func (m *Map[V]) Clone() Map[V] {
	out := Map[V]{chunks: make([][]entry[V], len(m.chunks)), sum: m.sum, n: m.n}
	for i, c := range m.chunks {
		out.chunks[i] = slices.Clone(c)
	}
	return out
}

// seek is the place of the first entry that ends after start: the one that holds it, or the next one. Where there is none
// the place is behind the last chunk.
func (m *Map[V]) seek(start int64) (c, i int) {
	c = sort.Search(len(m.chunks), func(c int) bool {
		chunk := m.chunks[c]
		return chunk[len(chunk)-1].End > start
	})
	if c == len(m.chunks) {
		return c, 0
	}
	chunk := m.chunks[c]
	return c, sort.Search(len(chunk), func(i int) bool { return chunk[i].End > start })
}

func (m *Map[V]) valid(c, i int) bool { return c < len(m.chunks) && i < len(m.chunks[c]) }

func (m *Map[V]) before(c, i int) (pc, pi int, ok bool) {
	if i > 0 {
		return c, i - 1, true
	}
	if c > 0 {
		return c - 1, len(m.chunks[c-1]) - 1, true
	}
	return 0, 0, false
}

// insert puts e before place (c,i), splitting a full chunk in halves.
func (m *Map[V]) insert(c, i int, e entry[V]) {
	m.n++
	if c == len(m.chunks) { // behind the last entry: fill the last chunk first
		if c == 0 {
			m.chunks = append(m.chunks, []entry[V]{e})
			return
		}
		c--
		i = len(m.chunks[c])
	}
	if len(m.chunks[c]) == chunkCap {
		half := chunkCap / 2
		if i == chunkCap { // growing at its end, as lists do: leave the full chunk full
			half = chunkCap
		}
		upper := append(make([]entry[V], 0, chunkCap), m.chunks[c][half:]...)
		clear(m.chunks[c][half:])
		m.chunks[c] = m.chunks[c][:half]
		if len(upper) > 0 || i == chunkCap {
			m.chunks = slices.Insert(m.chunks, c+1, upper)
		}
		if i >= half {
			c, i = c+1, i-half
		}
	}
	m.chunks[c] = slices.Insert(m.chunks[c], i, e)
}

func (m *Map[V]) remove(c, i int) {
	m.n--
	m.chunks[c] = slices.Delete(m.chunks[c], i, i+1)
	if len(m.chunks[c]) == 0 {
		m.chunks = slices.Delete(m.chunks, c, c+1)
	}
}
