package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Words is a program and its arguments. It is read from a list, or from text that is split as a shell would; it is written as a
// list.
type Words []string

// UnmarshalJSON takes text or a list.
func (w *Words) UnmarshalJSON(b []byte) (err error) {
	switch b = bytes.TrimSpace(b); {
	case bytes.Equal(b, []byte("null")):
		return nil
	case len(b) > 0 && b[0] == '[':
		*w, err = entries(b)
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*w, err = Split(s)
	default:
		return errors.New("must be text or a list of words")
	}
	return err
}

// Split cuts text into words as a POSIX shell does (2.2, Quoting): at blanks, except within quotes or after a backslash. Nothing is
// expanded: $HOME stays $HOME.
func Split(s string) (Words, error) {
	var words Words
	var word strings.Builder
	var quote rune // the quote we are in, or 0
	begun, escaped := false, false
	for _, r := range s {
		switch {
		case escaped:
			// Within double quotes a backslash is itself except before these.
			if quote == '"' && !strings.ContainsRune("$`\"\\\n", r) {
				word.WriteByte('\\')
			}
			if r != '\n' {
				word.WriteRune(r)
			}
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, begun = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("%q has a %c that is not closed: close it, or write a list of words", s, quote)
	case escaped:
		return nil, fmt.Errorf("%q ends with a backslash: remove it, or write a list of words", s)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}
