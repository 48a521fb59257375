package worklist

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// check fails the test where the invariant of Map does not hold.
func (m *Map[V]) check(t interface{ Fatalf(string, ...any) }) {
	var sum int64
	n := 0
	at, last := int64(-1), *new(V)
	for _, c := range m.chunks {
		if len(c) == 0 || len(c) > chunkCap {
			t.Fatalf("a chunk of %d entries", len(c))
		}
		for _, e := range c {
			if e.Size() == 0 || e.Start < at || (e.Start == at && e.v == last) {
				t.Fatalf("entry %v after one that ends at %d", e, at)
			}
			at, last = e.End, e.v
			sum += e.Size()
			n++
		}
	}
	if sum != m.sum || n != m.n {
		t.Fatalf("sum %d, n %d; counted %d, %d", m.sum, m.n, sum, n)
	}
}

func TestMergingSiblings(t *testing.T) {
	var s Set
	s.Put(Range{0, 10}, struct{}{})
	s.Put(Range{20, 30}, struct{}{})
	if got := FormatRanges(&s); got != "0+10 10+10" {
		t.Errorf("got %q", got)
	}
	s.Put(Range{10, 20}, struct{}{})
	if got := s.Ranges(0); !slices.Equal(got, []Range{{0, 30}}) {
		t.Errorf("got %v", got)
	}
}

// A Map agrees with an array of values, one for each index.
func TestMapAgainstArray(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 2000
		var m Map[int]
		var model [size]int
		steps := rapid.IntRange(1, 400).Draw(t, "steps")
		for range steps {
			start := rapid.Int64Range(0, size-1).Draw(t, "start")
			end := min(size, start+rapid.Int64Range(0, 6).Draw(t, "size"))
			v := rapid.IntRange(0, 3).Draw(t, "value")
			if v == 0 {
				m.Delete(Range{start, end})
			} else {
				m.Put(Range{start, end}, v)
			}
			for i := start; i < end; i++ {
				model[i] = v
			}
			m.check(t)
		}
		for i, want := range model {
			if got, _ := m.Get(int64(i)); got != want {
				t.Fatalf("index %d: got %d, want %d", i, got, want)
			}
		}
		lo := rapid.Int64Range(0, size).Draw(t, "lo")
		hi := rapid.Int64Range(lo, size).Draw(t, "hi")
		var gaps, within int64
		for r := range m.Gaps(Range{lo, hi}) {
			gaps += r.Size()
		}
		for r := range m.Within(Range{lo, hi}) {
			within += r.Size()
		}
		if gaps+within != hi-lo {
			t.Fatalf("gaps %d + within %d of [%d,%d)", gaps, within, lo, hi)
		}
		ranges, err := ParseRanges(FormatRanges(&m))
		if err != nil || total(ranges) != m.Sum() {
			t.Fatalf("notation: %v, %v", ranges, err)
		}
	})
}

// Chunks split and vanish: every second index, then the others, in both directions.
func TestMapManyEntries(t *testing.T) {
	const size = 10 * chunkCap
	for name, at := range map[string]func(i int64) int64{
		"upwards":   func(i int64) int64 { return i },
		"downwards": func(i int64) int64 { return size - 1 - i },
	} {
		t.Run(name, func(t *testing.T) {
			var s Set
			for i := int64(0); i < size; i += 2 {
				s.Put(Range{at(i), at(i) + 1}, struct{}{})
				s.check(t)
			}
			if s.Len() != size/2 {
				t.Fatalf("%d ranges", s.Len())
			}
			for i := int64(1); i < size; i += 2 {
				s.Put(Range{at(i), at(i) + 1}, struct{}{})
				s.check(t)
			}
			if got := s.Ranges(0); !slices.Equal(got, []Range{{0, size}}) {
				t.Fatalf("got %v", got)
			}
		})
	}
}

func FuzzParseRanges(f *testing.F) {
	for _, s := range []string{"", "0+1", "0+41000 11000+8000", "1+1 1+1", "0+0", "-1+2", "0+9007199254740991", "1+9007199254740991", "9223372036854775807+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ranges, err := ParseRanges(s)
		if err != nil {
			return
		}
		var m Set
		for _, r := range ranges {
			m.Put(r, struct{}{})
		}
		m.check(t)
		again, err := ParseRanges(FormatRanges(&m))
		if err != nil || total(again) != total(ranges) {
			t.Fatalf("%q reads as %v, then as %v, %v", s, ranges, again, err)
		}
	})
}

func BenchmarkSetPutInOrder(b *testing.B) {
	b.ReportAllocs()
	var s Set
	for i := range int64(b.N) {
		s.Put(Range{i, i + 1}, struct{}{})
	}
}

func BenchmarkSetPutScattered(b *testing.B) {
	b.ReportAllocs()
	var s Set
	for i := range int64(b.N) {
		x := (i * 7919) % (1 << 20) * 2
		s.Put(Range{x, x + 1}, struct{}{})
	}
}
