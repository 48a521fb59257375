package items

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// integers are the numbers first, first+step, ..., written in decimal with at least width characters.
type integers struct {
	first, step, n int64
	width          int
}

// parseRange reads START..END or START..END..STEP, both ends included, with or without braces. As in bash the step's sign
// follows from the direction, and leading zeros of either end set the width of all numbers.
func parseRange(s string) (integers, error) {
	text := strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text, ok = strings.CutSuffix(inner, "}")
		if !ok {
			return integers{}, fmt.Errorf("range %q: the brace is not closed", s)
		}
	}
	parts := strings.Split(text, "..")
	if len(parts) < 2 || len(parts) > 3 {
		return integers{}, fmt.Errorf("range %q: must be START..END or START..END..STEP, such as 1..100 or 1..100..2", s)
	}
	var v [3]int64
	v[2] = 1
	for i, p := range parts {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return integers{}, fmt.Errorf("range %q: %q is not an integer within 64 bits", s, p)
		}
		v[i] = n
	}
	first, last, step := v[0], v[1], v[2]
	if step == 0 {
		return integers{}, fmt.Errorf("range %q: the step is 0", s)
	}
	// In big numbers: the ends may be 2^64 apart.
	span := new(big.Int).Abs(new(big.Int).Sub(big.NewInt(last), big.NewInt(first)))
	stride := new(big.Int).Abs(big.NewInt(step))
	count := new(big.Int).Add(new(big.Int).Div(span, stride), big.NewInt(1))
	n, err := checkLen(count)
	if err != nil {
		return integers{}, fmt.Errorf("range %q: %w", s, err)
	}
	if n == 1 {
		step = 1
	} else {
		step = stride.Int64()
		if last < first {
			step = -step
		}
	}
	r := integers{first: first, step: step, n: n}
	if padded(parts[0]) || padded(parts[1]) {
		r.width = max(len(parts[0]), len(parts[1]))
	}
	return r, nil
}

// padded tells whether a number was written with leading zeros.
func padded(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return len(s) > 1 && s[0] == '0'
}

func (r integers) Len() int64 { return r.n }

func (r integers) Append(dst []byte, i int64) ([]byte, error) {
	v := r.first + i*r.step
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
	v, err := strconv.ParseInt(item, 10, 64)
	if err != nil {
		return 0, false
	}
	i := new(big.Int).Sub(big.NewInt(v), big.NewInt(r.first))
	i, rest := i.QuoRem(i, big.NewInt(r.step), new(big.Int))
	if rest.Sign() != 0 || i.Sign() < 0 || !i.IsInt64() || i.Int64() >= r.n {
		return 0, false
	}
	// The same number written otherwise is not the item.
	text, _ := r.Append(nil, i.Int64())
	return i.Int64(), string(text) == item
}
