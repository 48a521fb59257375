package worklist

import "fmt"

// MaxSize is the largest size of a worklist, 2^53-1: every index is exact as a JSON number in every language.
const MaxSize = 1<<53 - 1

// Range is the half-open range of indexes [Start,End).
type Range struct {
	Start, End int64
}

// Size is the number of indexes in r; 0 for an empty or inverted range.
func (r Range) Size() int64 { return max(0, r.End-r.Start) }

// Contains tells whether every index of s is one of r. An empty s is contained if it lies between the bounds of r.
func (r Range) Contains(s Range) bool { return r.Start <= s.Start && s.End <= r.End }

// Intersect is what r and s share; an empty range where they share nothing.
func (r Range) Intersect(s Range) Range {
	return Range{max(r.Start, s.Start), min(r.End, s.End)}
}

// String is the range in the notation of the documentation: [start,end).
func (r Range) String() string { return fmt.Sprintf("[%d,%d)", r.Start, r.End) }

// subtract removes s from the ordered, disjoint ranges of rs, reusing its memory where it can.
func subtract(rs []Range, s Range) []Range {
	if len(rs) == 1 && s.Contains(rs[0]) { // a block turned in whole: the common case
		return rs[:0]
	}
	var out []Range
	for _, r := range rs {
		x := r.Intersect(s)
		if x.Size() == 0 {
			out = append(out, r)
			continue
		}
		if r.Start < x.Start {
			out = append(out, Range{r.Start, x.Start})
		}
		if x.End < r.End {
			out = append(out, Range{x.End, r.End})
		}
	}
	return out
}

// total is the number of indexes in disjoint ranges.
func total(rs []Range) (n int64) {
	for _, r := range rs {
		n += r.Size()
	}
	return n
}
