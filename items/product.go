package items

import (
	"fmt"
	"math/big"
)

// product is all combinations of an item of each part, the last part turning fastest, as GNU parallel's ::: a b ::: 1 2:
// "a 1", "a 2", "b 1", "b 2".
type product struct {
	parts []Source
	step  []int64 // step[p] items share what stands before part p+1
	sep   string
	n     int64
}

func newProduct(parts []Source, sep string) (Source, error) {
	total := big.NewInt(1)
	for _, p := range parts {
		total.Mul(total, big.NewInt(p.Len()))
	}
	n, err := checkLen(total)
	if err != nil {
		return nil, err
	}
	x := &product{parts: parts, step: make([]int64, len(parts)), sep: sep, n: n}
	step := int64(1)
	for p := len(parts) - 1; p >= 0; p-- {
		x.step[p] = step
		step *= parts[p].Len()
	}
	return x, nil
}

func (x *product) Len() int64 { return x.n }

func (x *product) Append(dst []byte, i int64) (_ []byte, err error) {
	for p, part := range x.parts {
		if p > 0 {
			dst = append(dst, x.sep...)
		}
		d := i / x.step[p]
		i -= d * x.step[p]
		if dst, err = part.Append(dst, d); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (x *product) Fields(i int64) ([]string, error) {
	if x.sep == "" { // the parts of a host's name are no fields
		text, err := x.Append(nil, i)
		return []string{string(text)}, err
	}
	var out []string
	for p, part := range x.parts {
		d := i / x.step[p]
		i -= d * x.step[p]
		fields, err := Fields(part, d)
		if err != nil {
			return nil, err
		}
		out = append(out, fields...)
	}
	return out, nil
}

// zip is the first items of all parts, the second ones, and so on, as GNU parallel's :::+.
type zip struct{ parts []Source }

func newZip(parts []Source) (Source, error) {
	for i, p := range parts {
		if p.Len() != parts[0].Len() {
			return nil, fmt.Errorf("part 0 has %d items and part %d has %d; give them as many, or cut the longer with slice", parts[0].Len(), i, p.Len())
		}
	}
	return &zip{parts}, nil
}

func (z *zip) Len() int64 { return z.parts[0].Len() }

func (z *zip) Append(dst []byte, i int64) (_ []byte, err error) {
	for p, part := range z.parts {
		if p > 0 {
			dst = append(dst, ' ')
		}
		if dst, err = part.Append(dst, i); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (z *zip) Fields(i int64) (out []string, err error) {
	for _, part := range z.parts {
		fields, err := Fields(part, i)
		if err != nil {
			return nil, err
		}
		out = append(out, fields...)
	}
	return out, nil
}
