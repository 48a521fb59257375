package worklist

import (
	"fmt"
	"strconv"
	"strings"
)

// The notation of ranges in records: pairs gap+size in decimal, separated by spaces, where gap is the distance from the
// end of the range before (from 0 for the first). [0,41000) [52000,60000) is "0+41000 11000+8000". It is as short as a
// binary one for the lists that are long enough to matter (four bytes a range where every second item failed) and can be
// read, and checked, by a person with etcdctl.

// FormatRanges is the notation of the map's ranges, values left out.
func FormatRanges[V comparable](m *Map[V]) string {
	var b []byte
	var at int64
	for r := range m.All() {
		b = appendRange(b, at, r)
		at = r.End
	}
	return string(b)
}

func appendRange(b []byte, at int64, r Range) []byte {
	if len(b) > 0 {
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, r.Start-at, 10)
	b = append(b, '+')
	return strconv.AppendInt(b, r.Size(), 10)
}

// ParseRanges reads the notation, checking that the ranges are ordered, not empty and below MaxSize.
func ParseRanges(s string) ([]Range, error) {
	var out []Range
	var at int64
	for pair := range strings.FieldsSeq(s) {
		g, n, ok := strings.Cut(pair, "+")
		gap, err1 := strconv.ParseInt(g, 10, 64)
		size, err2 := strconv.ParseInt(n, 10, 64)
		if !ok || err1 != nil || err2 != nil || gap < 0 || size < 1 || gap > MaxSize-at || size > MaxSize-at-gap {
			return nil, fmt.Errorf("ranges: %q is not gap+size within 0 to %d", pair, int64(MaxSize))
		}
		out = append(out, Range{at + gap, at + gap + size})
		at += gap + size
	}
	return out, nil
}
