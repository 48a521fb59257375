package items

import (
	"fmt"
	"math/big"
	"slices"
	"unicode/utf8"
)

// PermutationsSpec is all strings of a length that use each letter of an alphabet at most once, in the alphabet's order:
// abc, acb, bac, bca, cab, cba. Length 0 means all letters.
//
// The index is read in the factorial number system (Laisant, "Sur la numération factorielle", 1888; Knuth, The Art of
// Computer Programming 4A, 7.2.1.2): its first digit says which letter comes first, the next which of those that are left,
// and so on. For permutations shorter than the alphabet the radixes are n, n-1, ..., n-k+1.
//
// +kubebuilder:object:generate=true
type PermutationsSpec struct {
	// alphabet is the letters, each once.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Alphabet string `json:"alphabet"`
	// length is the number of letters of each string. Default all.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=53
	Length int `json:"length,omitempty"`
}

type permutations struct {
	set  []rune
	step []int64 // step[p] permutations share their first p+1 letters
	n    int64
}

func (s PermutationsSpec) build() (Source, error) {
	set, err := letters(s.Alphabet)
	if err != nil {
		return nil, err
	}
	k := s.Length
	if k == 0 {
		k = len(set)
	}
	if k < 1 || k > len(set) {
		return nil, fmt.Errorf("length: is %d; must be 1 to %d, the letters there are", s.Length, len(set))
	}
	total := big.NewInt(1)
	for i := range k {
		total.Mul(total, big.NewInt(int64(len(set)-i)))
	}
	n, err := checkLen(total)
	if err != nil {
		return nil, fmt.Errorf("permutations of %d out of %d letters: %w", k, len(set), err)
	}
	a := &permutations{set: set, step: make([]int64, k), n: n}
	step := int64(1)
	for p := k - 1; p >= 0; p-- {
		a.step[p] = step
		step *= int64(len(set) - p)
	}
	return a, nil
}

func (a *permutations) Len() int64 { return a.n }

func (a *permutations) Append(dst []byte, i int64) ([]byte, error) {
	left := slices.Clone(a.set)
	for _, step := range a.step {
		d := i / step
		i -= d * step
		dst = utf8.AppendRune(dst, left[d])
		left = slices.Delete(left, int(d), int(d)+1)
	}
	return dst, nil
}

func (a *permutations) Index(item string) (int64, bool) {
	if !utf8.ValidString(item) {
		return 0, false // or a broken byte would pass for the letter U+FFFD
	}
	left := slices.Clone(a.set)
	var i int64
	p := 0
	for _, c := range item {
		if p == len(a.step) {
			return 0, false
		}
		d := slices.Index(left, c)
		if d < 0 {
			return 0, false
		}
		left = slices.Delete(left, d, d+1)
		i += int64(d) * a.step[p]
		p++
	}
	return i, p == len(a.step)
}
