package items

import (
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

// RangeSpec is the integers from Start to End, both included, each Step on; down where End is below Start. As in bash the
// step's sign follows from the direction. Width pads the numbers with zeros.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="(self.end >= self.start ? self.end - self.start : self.start - self.end) / (has(self.step) && self.step > 1 ? self.step : 1) < 9007199254740991",message="has more than 9007199254740991 numbers (2^53-1)"
type RangeSpec struct {
	// start is the first number.
	// +required
	// +kubebuilder:validation:Minimum=-9007199254740991
	// +kubebuilder:validation:Maximum=9007199254740991
	Start int64 `json:"start"`
	// end is the last number, if the steps meet it.
	// +required
	// +kubebuilder:validation:Minimum=-9007199254740991
	// +kubebuilder:validation:Maximum=9007199254740991
	End int64 `json:"end"`
	// step is how far one number is from the next. Default 1.
	// +optional
	// +kubebuilder:validation:Minimum=-9007199254740991
	// +kubebuilder:validation:Maximum=9007199254740991
	Step int64 `json:"step,omitempty" doc:"Default 1."`
	// width is how many characters each number has at least, with leading zeros. Default none.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=64
	Width int `json:"width,omitempty" doc:"Digits that each number has at least, with leading zeros; default none."`
}

// maxWidth bounds RangeSpec.Width: more than any number needs.
const maxWidth = 64

// ParseRange reads START..END or START..END..STEP, with or without braces. As in bash leading zeros of either end set the
// width of all numbers.
func ParseRange(s string) (*RangeSpec, error) {
	text := strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text, ok = strings.CutSuffix(inner, "}")
		if !ok {
			return nil, fmt.Errorf("%q: the brace is not closed; end it with } or leave both out", s)
		}
	}
	parts := strings.Split(text, "..")
	if len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("%q: must be START..END or START..END..STEP, such as 1..100 or 1..100..2", s)
	}
	r := &RangeSpec{}
	for i, to := range []*int64{&r.Start, &r.End, &r.Step}[:len(parts)] {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %q is not an integer within 64 bits; write it in decimal digits, without spaces", s, parts[i])
		}
		*to = n
	}
	if len(parts) == 3 && r.Step == 0 {
		return nil, fmt.Errorf("%q: the step is 0; give 1 or more, or leave it out", s)
	}
	if padded(parts[0]) || padded(parts[1]) {
		r.Width = max(len(parts[0]), len(parts[1]))
	}
	if _, err := r.build(); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	return r, nil
}

// String is the notation of bash.
func (s *RangeSpec) String() string {
	text := fmt.Sprintf("%0*d..%0*d", s.Width, s.Start, s.Width, s.End)
	if s.Step != 0 {
		text += fmt.Sprintf("..%d", s.Step)
	}
	return text
}

func (s *RangeSpec) build() (integers, error) {
	if s.Width < 0 || s.Width > maxWidth {
		return integers{}, fmt.Errorf("width: is %d; must be 0 to %d", s.Width, maxWidth)
	}
	step := s.Step
	if step == 0 {
		step = 1
	}
	r := integers{first: s.Start, stride: distance(0, step), down: s.End < s.Start, width: s.Width}
	// In big numbers: there may be 2^64 of them.
	count := new(big.Int).SetUint64(distance(s.Start, s.End) / r.stride)
	n, err := checkLen(count.Add(count, big.NewInt(1)))
	if err != nil {
		return integers{}, err
	}
	r.n = n
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
