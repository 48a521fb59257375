package job

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
)

// text returns a JSON scalar as it is written: a string without its quotes, a number or a boolean literally, so that
// nothing is lost of 1.10 or 007.
func text(b []byte) (string, error) {
	b = bytes.TrimSpace(b)
	switch {
	case len(b) == 0 || bytes.Equal(b, []byte("null")):
		return "", errors.New("has no value")
	case b[0] == '{' || b[0] == '[':
		return "", errors.New("must be a single value, not a list or a map")
	case b[0] == '"':
		var s string
		err := json.Unmarshal(b, &s)
		return s, err
	}
	return string(b), nil
}

// fromScalar reads a JSON string or number into what can read text; null leaves it alone, as encoding/json wants it.
func fromScalar(b []byte, into encoding.TextUnmarshaler) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	s, err := text(b)
	if err != nil {
		return err
	}
	return into.UnmarshalText([]byte(s))
}

// entries reads a JSON list of scalars as text.
func entries(b []byte) ([]string, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	list := make([]string, len(raw))
	for i, r := range raw {
		s, err := text(r)
		if err != nil {
			return nil, fmt.Errorf("entry %d %w", i+1, err)
		}
		list[i] = s
	}
	return list, nil
}
