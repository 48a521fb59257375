package items

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaskSpec is a mask as hashcat has them: each position of the item is a set of characters.
//
//	?l abcdefghijklmnopqrstuvwxyz    ?d 0123456789          ?s the 33 other printable ASCII characters, space among them
//	?u ABCDEFGHIJKLMNOPQRSTUVWXYZ    ?h 0123456789abcdef    ?a ?l?u?d?s
//	?1 ... ?4 the custom sets        ?H 0123456789ABCDEF    ?? a question mark
//
// Any other character stands for itself. The items are in the order of an odometer, the last position turning fastest;
// hashcat goes through the same ones in another order. Its ?b (all bytes) is left out: an item is text.
type MaskSpec struct {
	Mask   string   `json:"mask"`
	Custom []string `json:"custom,omitempty"` // at most 4; may use ?l and so on
}

const (
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
		return nil, fmt.Errorf("?%c: there is no custom set %c", c, c)
	case 'b':
		return nil, errors.New("?b: items are text, not bytes")
	}
	return nil, fmt.Errorf("?%c: is no set; there are ?l ?u ?d ?h ?H ?s ?a ?? and ?1 to ?4", c)
}

// positions are the sets of a mask.
func positions(mask string, custom [][]rune) (sets [][]rune, err error) {
	if !utf8.ValidString(mask) {
		return nil, errors.New("is not valid UTF-8")
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
	return sets, nil
}

func (m MaskSpec) build() (Source, error) {
	if len(m.Custom) > 4 {
		return nil, fmt.Errorf("custom: %d sets; there are at most 4", len(m.Custom))
	}
	var custom [][]rune
	for i, text := range m.Custom {
		sets, err := positions(text, custom) // a set may use those before it
		if err != nil {
			return nil, fmt.Errorf("custom[%d]: %q: %w", i, text, err)
		}
		var set []rune
		for _, c := range slices.Concat(sets...) {
			if !slices.Contains(set, c) {
				set = append(set, c)
			}
		}
		custom = append(custom, set)
	}
	if m.Mask == "" {
		return nil, errors.New("mask: is empty")
	}
	sets, err := positions(m.Mask, custom)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", m.Mask, err)
	}
	o, err := newOdometer(sets)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", m.Mask, err)
	}
	return o, nil
}

// letters reads an alphabet: each letter once, so that an item has one index.
func letters(alphabet string) ([]rune, error) {
	if !utf8.ValidString(alphabet) {
		return nil, errors.New("alphabet: is not valid UTF-8")
	}
	set := []rune(alphabet)
	if len(set) == 0 {
		return nil, errors.New("alphabet: is empty")
	}
	for i, c := range set {
		if slices.Contains(set[:i], c) {
			return nil, fmt.Errorf("alphabet: %q stands in it twice", string(c))
		}
	}
	return set, nil
}

func (m MaskSpec) String() string {
	if len(m.Custom) == 0 {
		return m.Mask
	}
	return m.Mask + " with " + strings.Join(m.Custom, ", ")
}
