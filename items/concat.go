package items

import (
	"iter"
	"math/big"
	"sort"
)

// concat is the items of one part after those of the other.
type concat struct {
	parts []Source
	ends  []int64 // the index behind each part's last
}

func newConcat(parts []Source) (Source, error) {
	total := new(big.Int)
	for _, p := range parts {
		total.Add(total, big.NewInt(p.Len()))
	}
	if _, err := checkLen(total); err != nil {
		return nil, err
	}
	c := &concat{parts: parts}
	var end int64
	for _, p := range parts {
		end += p.Len()
		c.ends = append(c.ends, end)
	}
	return c, nil
}

func (c *concat) Len() int64 { return c.ends[len(c.ends)-1] }

// part is where item i is: in which part, at which index there.
func (c *concat) part(i int64) (p int, at int64) {
	p = sort.Search(len(c.ends), func(p int) bool { return c.ends[p] > i })
	if p > 0 {
		i -= c.ends[p-1]
	}
	return p, i
}

func (c *concat) Append(dst []byte, i int64) ([]byte, error) {
	p, at := c.part(i)
	return c.parts[p].Append(dst, at)
}

func (c *concat) Fields(i int64) ([]string, error) {
	p, at := c.part(i)
	return Fields(c.parts[p], at)
}

func (c *concat) find(s *search, text string, from int64) (int64, bool, error) {
	for p, part := range c.parts {
		start := c.ends[p] - part.Len()
		if i, ok, err := s.in(part, text, max(0, from-start)); ok || err != nil {
			return start + i, ok, err
		}
	}
	return 0, false, nil
}

func (c *concat) Range(start, end int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for start < end {
			p, at := c.part(start)
			n := min(end-start, c.parts[p].Len()-at)
			for text, err := range Range(c.parts[p], at, at+n) {
				if !yield(text, err) || err != nil {
					return
				}
			}
			start += n
		}
	}
}

// slice is the items start to end-1 of another source.
type slice struct {
	of         Source
	start, end int64
}

// SliceSpec is the items Start to End-1 of another source; End 0 means all that follow.
//
// +kubebuilder:object:generate=true
type SliceSpec struct {
	// of is the other source.
	// +required
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	Of Spec `json:"of"`
	// start is the index of the first item. Default 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Start int64 `json:"start,omitempty"`
	// end is the index behind the last item. Default the number of items there are.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	End int64 `json:"end,omitempty"`
}

func (s slice) Len() int64 { return s.end - s.start }

func (s slice) Append(dst []byte, i int64) ([]byte, error) { return s.of.Append(dst, s.start+i) }

func (s slice) Fields(i int64) ([]string, error) { return Fields(s.of, s.start+i) }

func (s slice) Range(start, end int64) iter.Seq2[[]byte, error] {
	return Range(s.of, s.start+start, s.start+end)
}

func (s slice) find(f *search, text string, from int64) (int64, bool, error) {
	i, ok, err := f.in(s.of, text, s.start+from)
	return i - s.start, ok && i < s.end, err
}
