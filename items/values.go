package items

import "slices"

// values are items written out.
type values []string

func (v values) Len() int64 { return int64(len(v)) }

func (v values) Append(dst []byte, i int64) ([]byte, error) { return append(dst, v[i]...), nil }

func (v values) find(_ *search, text string, from int64) (int64, bool, error) {
	i := slices.Index(v[from:], text)
	return from + int64(i), i >= 0, nil
}
