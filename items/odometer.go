package items

import (
	"math/big"
	"slices"
	"unicode/utf8"
)

// odometer is all texts with one letter of each set, the last position turning fastest: a number in a mixed radix, the
// sets being its digits.
type odometer struct {
	sets [][]rune
	step []int64 // step[i] items share what stands before position i+1
	n    int64
}

func newOdometer(sets [][]rune) (*odometer, error) {
	total := big.NewInt(1)
	for _, set := range sets {
		total.Mul(total, big.NewInt(int64(len(set))))
	}
	n, err := checkLen(total)
	if err != nil {
		return nil, err
	}
	o := &odometer{sets: sets, step: make([]int64, len(sets)), n: n}
	step := int64(1)
	for i := len(sets) - 1; i >= 0; i-- {
		o.step[i] = step
		step *= int64(len(sets[i]))
	}
	return o, nil
}

func (o *odometer) Len() int64 { return o.n }

func (o *odometer) Append(dst []byte, i int64) ([]byte, error) {
	for p, set := range o.sets {
		digit := i / o.step[p]
		i -= digit * o.step[p]
		dst = utf8.AppendRune(dst, set[digit])
	}
	return dst, nil
}

func (o *odometer) Index(item string) (int64, bool) {
	if !utf8.ValidString(item) {
		return 0, false // or a broken byte would pass for the letter U+FFFD
	}
	var i int64
	p := 0
	for _, c := range item {
		if p == len(o.sets) {
			return 0, false
		}
		digit := slices.Index(o.sets[p], c)
		if digit < 0 {
			return 0, false
		}
		i += int64(digit) * o.step[p]
		p++
	}
	return i, p == len(o.sets)
}
