package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Environment is variables by name. It is read from a map, or from a list of "NAME=value"; it is written as a map.
type Environment map[string]string

// Labels are values by label. They are read from a map, or from a list of "label=value"; they are written as a map.
type Labels map[string]string

// UnmarshalJSON takes a map or a list.
func (e *Environment) UnmarshalJSON(b []byte) (err error) {
	*e, err = pairs(b, " (nothing is taken from the environment of whoever reads this)")
	return err
}

// UnmarshalJSON takes a map or a list.
func (l *Labels) UnmarshalJSON(b []byte) (err error) {
	*l, err = pairs(b, "")
	return err
}

// pairs reads {"name": value} or ["name=value"]; numbers and booleans are taken as they are written. The hint is for who leaves a value out
// of the latter.
func pairs(b []byte, hint string) (map[string]string, error) {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '[' {
		list, err := entries(b)
		if err != nil {
			return nil, err
		}
		read := make(map[string]string, len(list))
		for _, entry := range list {
			name, value, ok := strings.Cut(entry, "=")
			if !ok {
				return nil, fmt.Errorf("%q has no value: write %s=VALUE%s", entry, entry, hint)
			}
			if _, twice := read[name]; twice {
				return nil, fmt.Errorf("%s is given twice: remove one", name)
			}
			read[name] = value
		}
		return read, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil || raw == nil {
		return nil, err
	}
	read := make(map[string]string, len(raw))
	for name, r := range raw {
		value, err := text(r)
		if err != nil {
			return nil, fmt.Errorf("%s %w: give it one, \"\" if it is to be empty", name, err)
		}
		read[name] = value
	}
	return read, nil
}
