package items

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// integers are the numbers first, first+stride, ..., or first-stride, ... where they go down, written in decimal with at
// least width characters.
type integers struct {
	first  int64
	stride uint64 // not 0; up to 2^63, which an int64 does not hold
	down   bool
	n      int64
	width  int
}

// parseRange reads START..END or START..END..STEP, both ends included, with or without braces. As in bash the step's sign
// follows from the direction, and leading zeros of either end set the width of all numbers.
func parseRange(s string) (integers, error) {
	r, err := parseIntegers(s)
	if err != nil {
		return integers{}, fmt.Errorf("%q: %w", s, err)
	}
	return r, nil
}

func parseIntegers(s string) (integers, error) {
	text := strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text, ok = strings.CutSuffix(inner, "}")
		if !ok {
			return integers{}, errors.New("the brace is not closed; end it with } or leave both out")
		}
	}
	parts := strings.Split(text, "..")
	if len(parts) < 2 || len(parts) > 3 {
		return integers{}, errors.New("must be START..END or START..END..STEP, such as 1..100 or 1..100..2")
	}
	v := [3]int64{2: 1}
	for i, p := range parts {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return integers{}, fmt.Errorf("%q is not an integer within 64 bits; write it in decimal digits, without spaces", p)
		}
		v[i] = n
	}
	first, last, step := v[0], v[1], v[2]
	if step == 0 {
		return integers{}, errors.New("the step is 0; give 1 or more, or leave it out")
	}
	r := integers{first: first, stride: distance(0, step), down: last < first}
	// In big numbers: there may be 2^64 of them.
	count := new(big.Int).SetUint64(distance(first, last) / r.stride)
	n, err := checkLen(count.Add(count, big.NewInt(1)))
	if err != nil {
		return integers{}, err
	}
	r.n = n
	if padded(parts[0]) || padded(parts[1]) {
		r.width = max(len(parts[0]), len(parts[1]))
	}
	return r, nil
}

// distance is |b-a|, which is below 2^64: unsigned numbers wrap to the right one.
func distance(a, b int64) uint64 {
	if b < a {
		a, b = b, a
	}
	return uint64(b) - uint64(a)
}

// padded tells whether a number was written with leading zeros.
func padded(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return len(s) > 1 && s[0] == '0'
}

func (r integers) Len() int64 { return r.n }

func (r integers) Append(dst []byte, i int64) ([]byte, error) {
	// The product may be beyond 64 bits signed; as all items are within, the sum wraps to the right one.
	offset := uint64(i) * r.stride
	if r.down {
		offset = -offset
	}
	v := int64(uint64(r.first) + offset)
	if r.width == 0 {
		return strconv.AppendInt(dst, v, 10), nil
	}
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], v, 10)
	width := r.width
	if v < 0 { // the sign comes before the zeros, and counts
		dst, text = append(dst, '-'), text[1:]
		width--
	}
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...), nil
}

func (r integers) Index(item string) (int64, bool) {
	if len(item) > max(r.width, len("-9223372036854775808")) {
		return 0, false
	}
	v, err := strconv.ParseInt(item, 10, 64)
	if err != nil || v != r.first && (v < r.first) != r.down {
		return 0, false
	}
	steps := distance(r.first, v)
	if steps%r.stride != 0 || steps/r.stride >= uint64(r.n) {
		return 0, false
	}
	i := int64(steps / r.stride)
	// The same number written otherwise is not the item.
	text, _ := r.Append(nil, i)
	return i, string(text) == item
}
