package job

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Size is a number of bytes. As text it is a Kubernetes quantity: "2G" is 2·10^9, "2Gi" is 2·2^30, "1.5G" and a bare number of
// bytes are understood too. JSON has it as text.
type Size int64

// units from the largest to the smallest.
var units = []struct {
	suffix string
	bytes  Size
}{
	{"Ei", 1 << 60}, {"E", 1e18}, {"Pi", 1 << 50}, {"P", 1e15}, {"Ti", 1 << 40}, {"T", 1e12},
	{"Gi", 1 << 30}, {"G", 1e9}, {"Mi", 1 << 20}, {"M", 1e6}, {"Ki", 1 << 10}, {"k", 1e3},
}

// ParseSize reads a size; a fraction of a byte is rounded up.
func ParseSize(s string) (Size, error) {
	number, unit := s, Size(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			number, unit = n, u.bytes
			break
		}
	}
	whole, fraction, ok := decimal(number)
	if !ok {
		return 0, fmt.Errorf("%q is not a size: write bytes, or a number with k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (of 1024), as in 500M or 2Gi", s)
	}
	if whole > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is too large: the largest size is 9E", s)
	}
	size := whole * int64(unit)
	// A fraction has 30 bits and a unit 60: their product takes both words.
	hi, lo := bits.Mul64(uint64(fraction), uint64(unit))
	part, rest := bits.Div64(hi, lo, 1e9)
	if rest > 0 {
		part++
	}
	if size > math.MaxInt64-int64(part) {
		return 0, fmt.Errorf("%q is too large: the largest size is 9E", s)
	}
	return Size(size + int64(part)), nil
}

// decimal reads digits with at most one point: the whole part, and nine digits after the point.
func decimal(s string) (whole, billionths int64, ok bool) {
	head, tail, _ := strings.Cut(s, ".")
	if head == "" || len(tail) > 9 || strings.HasSuffix(s, ".") || strings.Trim(head+tail, "0123456789") != "" {
		return 0, 0, false
	}
	whole, err := strconv.ParseInt(head, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	billionths, err = strconv.ParseInt((tail + "000000000")[:9], 10, 64)
	return whole, billionths, err == nil
}

// String writes the size exactly, in the shortest way: 2G, 2Gi, 1500M.
func (s Size) String() string {
	shortest := strconv.FormatInt(int64(s), 10)
	for _, u := range units {
		if s%u.bytes == 0 && s != 0 {
			if text := strconv.FormatInt(int64(s/u.bytes), 10) + u.suffix; len(text) < len(shortest) {
				shortest = text
			}
		}
	}
	return shortest
}

// MarshalText writes [Size.String].
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is [ParseSize].
func (s *Size) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSize(string(b))
	return err
}

// UnmarshalJSON takes text or a number of bytes.
func (s *Size) UnmarshalJSON(b []byte) error { return fromScalar(b, s) }
