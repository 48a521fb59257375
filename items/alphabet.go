package items

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxLetters bounds alphabets, and the strings over them.
const maxLetters = 1 << 16

// letters reads an alphabet: each letter once, so that an item has one index.
func letters(alphabet string) ([]rune, error) {
	if alphabet == "" {
		return nil, errors.New("alphabet: is empty; give the letters, such as abc")
	}
	if !utf8.ValidString(alphabet) {
		return nil, fmt.Errorf("alphabet: %.100q is not valid UTF-8; write it in UTF-8", alphabet)
	}
	set := distinct([]rune(alphabet))
	switch n := utf8.RuneCountInString(alphabet); {
	case n > maxLetters:
		return nil, fmt.Errorf("alphabet: has %d letters; must be at most %d", n, maxLetters)
	case n > len(set):
		return nil, fmt.Errorf("alphabet: %.100q has %d letters, but only %d different ones; give each once", alphabet, n, len(set))
	}
	return set, nil
}

// distinct is each letter of some sets once, in the order in which they come first.
func distinct(sets ...[]rune) (out []rune) {
	seen := map[rune]bool{}
	for _, set := range sets {
		for _, c := range set {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}
