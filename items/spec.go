package items

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Spec describes a source: exactly one of its fields is set. It stands in manifests under source.
type Spec struct {
	// Range are integers, START..END or START..END..STEP, both ends included as in bash.
	Range string `json:"range,omitempty" doc:"Integers START..END or START..END..STEP, both ends included as in bash."`
	// Values are items written out.
	Values []string `json:"values,omitempty" doc:"Items written out."`
	// Lines are the lines of a file.
	Lines *LinesSpec `json:"lines,omitempty" doc:"The lines of a file."`
}

// OpenLines opens the file of a LinesSpec, indexed.
type OpenLines func(LinesSpec) (*Lines, error)

// Build makes the source. Files are opened with open; where that is nil a source with files is refused. The error names
// the field.
func (s Spec) Build(open OpenLines) (Source, error) { return s.build("source", open) }

func (s Spec) build(path string, open OpenLines) (Source, error) {
	src, field, err := s.make(path, open)
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", path, field, err)
	}
	return src, nil
}

func (s Spec) make(path string, open OpenLines) (Source, string, error) {
	field, err := s.field()
	if err != nil {
		return nil, field, err
	}
	var src Source
	switch field {
	case "range":
		src, err = parseRange(s.Range)
	case "values":
		src = values(s.Values)
	case "lines":
		src, err = s.buildLines(open)
	}
	return src, field, err
}

// field is the name of the one field that is set.
func (s Spec) field() (string, error) {
	var set []string
	for name, is := range map[string]bool{"range": s.Range != "", "values": len(s.Values) > 0, "lines": s.Lines != nil} {
		if is {
			set = append(set, name)
		}
	}
	switch len(set) {
	case 0:
		return "", errors.New("is empty: give one of range, values, lines")
	case 1:
		return set[0], nil
	}
	return "", fmt.Errorf("has more than one kind (%s): give one", strings.Join(set, ", "))
}

func (s Spec) buildLines(open OpenLines) (Source, error) {
	if open == nil {
		return nil, fmt.Errorf("the file %s is not at hand here", s.Lines.Path)
	}
	l, err := open(*s.Lines)
	if err != nil {
		return nil, err
	}
	return l, l.check(*s.Lines)
}

// Len is the number of items, without opening a file. The error names the field.
func (s Spec) Len() (int64, error) {
	src, err := s.Build(func(l LinesSpec) (*Lines, error) { return &Lines{count: l.Count, size: l.Bytes, sum: l.SHA256}, nil })
	if err != nil {
		return 0, err
	}
	return src.Len(), nil
}

// Validate checks the spec without opening a file. The error names the field.
func (s Spec) Validate() error {
	_, err := s.Len()
	return err
}

// Fingerprint changes with anything that changes the items.
func (s Spec) Fingerprint() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("items: a spec is plain data: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// String is a short form for people.
func (s Spec) String() string {
	switch {
	case s.Range != "":
		return s.Range
	case len(s.Values) > 0:
		return fmt.Sprintf("%d values", len(s.Values))
	case s.Lines != nil:
		return "lines of " + s.Lines.Path
	}
	return ""
}
