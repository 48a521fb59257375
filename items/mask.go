package items

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaskSpec is a mask as hashcat has them: each position of the item is a set of characters.
//
//	?l abcdefghijklmnopqrstuvwxyz    ?d 0123456789          ?s the 33 other printable ASCII characters, space among them
//	?u ABCDEFGHIJKLMNOPQRSTUVWXYZ    ?h 0123456789abcdef    ?a ?l?u?d?s
//	?1 ... ?4 the custom sets        ?H 0123456789ABCDEF    ?? a question mark
//
// Each set is in the order in which it stands here, ?a being ?l, ?u, ?d and ?s one after the other as hashcat's manual has it,
// and a custom set in that of its first mentions. Any other character stands for itself.
//
// The items are in the order of an odometer, the last position turning fastest. hashcat goes through the same ones in another
// order: the first position turns fastest, the likeliest characters come first, and its program holds ?a in the order of ASCII.
// Its ?b (all bytes) is left out: an item is text.
//
// +kubebuilder:object:generate=true
type MaskSpec struct {
	// mask has a set for each position, such as ?u?l?l?d.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Mask string `json:"mask"`
	// custom are the sets ?1 to ?4. They may use ?l and so on.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=4096
	Custom []string `json:"custom,omitempty"`
}

const (
	maxMask   = 256 // positions, as in hashcat
	maxCustom = 1 << 10

	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit  = "0123456789"
	symbol = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// charset is the set that ?c stands for.
func charset(c rune, custom [][]rune) ([]rune, error) {
	switch c {
	case 'l':
		return []rune(lower), nil
	case 'u':
		return []rune(upper), nil
	case 'd':
		return []rune(digit), nil
	case 'h':
		return []rune(digit + "abcdef"), nil
	case 'H':
		return []rune(digit + "ABCDEF"), nil
	case 's':
		return []rune(symbol), nil
	case 'a':
		return []rune(lower + upper + digit + symbol), nil
	case '?':
		return []rune{'?'}, nil
	case '1', '2', '3', '4':
		if n := int(c - '1'); n < len(custom) && len(custom[n]) > 0 {
			return custom[n], nil
		}
		return nil, fmt.Errorf("?%c: there is no custom set %c; give it in custom", c, c)
	case 'b':
		return nil, errors.New("?b: items are text, not bytes; use ?a or a custom set")
	}
	return nil, fmt.Errorf("?%c: is no set; there are ?l ?u ?d ?h ?H ?s ?a ?? and ?1 to ?4", c)
}

// positions are the sets of a mask.
func positions(mask string, custom [][]rune, most int) (sets [][]rune, err error) {
	if !utf8.ValidString(mask) {
		return nil, errors.New("is not valid UTF-8; write it in UTF-8")
	}
	rest := []rune(mask)
	for len(rest) > 0 {
		if rest[0] != '?' {
			sets = append(sets, rest[:1])
			rest = rest[1:]
			continue
		}
		if len(rest) == 1 {
			return nil, errors.New("ends in a single ?; ?? is a question mark")
		}
		set, err := charset(rest[1], custom)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
		rest = rest[2:]
	}
	if len(sets) > most {
		return nil, fmt.Errorf("has %d positions; must be at most %d", len(sets), most)
	}
	return sets, nil
}

func (m MaskSpec) build() (Source, error) {
	if len(m.Custom) > 4 {
		return nil, fmt.Errorf("custom: has %d sets; must be at most 4", len(m.Custom))
	}
	var custom [][]rune
	for i, text := range m.Custom {
		sets, err := positions(text, custom, maxCustom) // a set may use those before it
		if err != nil {
			return nil, fmt.Errorf("custom[%d]: %.100q: %w", i, text, err)
		}
		custom = append(custom, distinct(sets...))
	}
	if m.Mask == "" {
		return nil, errors.New("is empty; give a set for each position, such as ?l?l?d")
	}
	sets, err := positions(m.Mask, custom, maxMask)
	if err != nil {
		return nil, fmt.Errorf("%.100q: %w", m.Mask, err)
	}
	o, err := newOdometer(sets)
	if err != nil {
		return nil, fmt.Errorf("%.100q: %w", m.Mask, err)
	}
	return o, nil
}

func (m MaskSpec) String() string {
	if len(m.Custom) == 0 {
		return m.Mask
	}
	return m.Mask + " with " + strings.Join(m.Custom, ", ")
}
