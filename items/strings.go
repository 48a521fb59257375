package items

import (
	"fmt"
	"math"
)

// StringsSpec is all strings of a length over an alphabet, letters used as often as you like, in the alphabet's order: aaa,
// aab, ..., ccc. The index is the string read as a number whose digits are the letters.
//
// +kubebuilder:object:generate=true
type StringsSpec struct {
	// alphabet is the letters, each once.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Alphabet string `json:"alphabet"`
	// length is the number of letters of each string.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=53
	Length int `json:"length"`
}

func (s StringsSpec) build() (Source, error) {
	set, err := letters(s.Alphabet)
	if err != nil {
		return nil, err
	}
	if s.Length < 1 {
		return nil, fmt.Errorf("length: is %d; must be at least 1", s.Length)
	}
	if s.Length > maxLetters { // before anything of that length is made
		if len(set) == 1 {
			return nil, fmt.Errorf("length: is %d; must be at most %d", s.Length, maxLetters)
		}
		size := fmt.Sprintf("about 10^%.0f", math.Floor(float64(s.Length)*math.Log10(float64(len(set)))))
		return nil, fmt.Errorf("%d letters to the power of %d: %w", len(set), s.Length, tooMany(size))
	}
	sets := make([][]rune, s.Length)
	for i := range sets {
		sets[i] = set
	}
	o, err := newOdometer(sets)
	if err != nil {
		return nil, fmt.Errorf("%d letters to the power of %d: %w", len(set), s.Length, err)
	}
	return o, nil
}
