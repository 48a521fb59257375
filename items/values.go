package items

import "slices"

// values are items written out.
type values []string

func (v values) Len() int64 { return int64(len(v)) }

func (v values) Append(dst []byte, i int64) ([]byte, error) { return append(dst, v[i]...), nil }

func (v values) Index(item string) (int64, bool) {
	i := slices.Index(v, item)
	return int64(i), i >= 0
}
