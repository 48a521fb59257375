package items

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Spec describes a source: exactly one of its fields is set. It stands in manifests under spec.items.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:ExactlyOneOf=range;values;lines;mask;strings;permutations;hosts;product;zip;concat;slice
type Spec struct {
	// range is the integers from start to end, both included.
	// +optional
	Range *RangeSpec `json:"range,omitempty" doc:"Integers from start to end, both included."`
	// values are items written out.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=100000
	// +kubebuilder:validation:items:MaxLength=131072
	Values []string `json:"values,omitempty" doc:"Items written out."`
	// lines are the lines of a file, of a text, or on Kubernetes of a ConfigMap.
	// +optional
	Lines *LinesSpec `json:"lines,omitempty" doc:"The lines of a file, of a text, or on Kubernetes of a ConfigMap."`
	// mask is candidates by a hashcat-style mask.
	// +optional
	Mask *MaskSpec `json:"mask,omitempty" doc:"Candidates by a hashcat-style mask."`
	// strings are all strings of a length over an alphabet.
	// +optional
	Strings *StringsSpec `json:"strings,omitempty" doc:"All strings of a length over an alphabet."`
	// permutations are all strings that use each letter of an alphabet at most once.
	// +optional
	Permutations *PermutationsSpec `json:"permutations,omitempty" doc:"All strings that use each letter of an alphabet at most once."`
	// hosts are host names, such as node[001-100],gpu[1-4].
	// +optional
	// +kubebuilder:validation:MaxLength=65536
	Hosts string `json:"hosts,omitempty" doc:"Host names, such as node[001-100],gpu[1-4]."`

	// Sources within sources: a schema of Kubernetes cannot be recursive, so hack/crds writes them out some levels deep.

	// product is all combinations of items of other sources, the last turning fastest.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=array
	// +kubebuilder:pruning:PreserveUnknownFields
	Product []Spec `json:"product,omitempty" doc:"All combinations of items of other sources, the last turning fastest."`
	// zip is the first items of other sources, the second ones, and so on.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=array
	// +kubebuilder:pruning:PreserveUnknownFields
	Zip []Spec `json:"zip,omitempty" doc:"The first items of other sources, the second ones, and so on."`
	// concat is the items of one source after those of the other.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=array
	// +kubebuilder:pruning:PreserveUnknownFields
	Concat []Spec `json:"concat,omitempty" doc:"The items of one source after those of the other."`
	// slice is items start to end-1 of another source.
	// +optional
	Slice *SliceSpec `json:"slice,omitempty" doc:"Items start to end-1 of another source."`
}

// OpenLines opens the file of a LinesSpec, indexed.
type OpenLines func(LinesSpec) (*Lines, error)

// maxDepth bounds how deep sources nest.
const maxDepth = 32

// Build makes the source. Files are opened with open; where that is nil a source with files is refused. The error names
// the field.
func (s Spec) Build(open OpenLines) (Source, error) { return s.build("items", open, 0) }

func (s Spec) build(path string, open OpenLines, depth int) (Source, error) {
	field, err := s.field()
	if err == nil && depth > maxDepth {
		err = fmt.Errorf("is nested deeper than %d sources; combine them in fewer levels", maxDepth)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	path += "." + field
	parts := func(specs []Spec) (out []Source, err error) {
		for i, x := range specs {
			src, err := x.build(fmt.Sprintf("%s[%d]", path, i), open, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, src)
		}
		return out, nil
	}
	var of []Source
	var src Source
	switch field {
	case "range":
		src, err = s.Range.build()
	case "values":
		src = values(s.Values)
	case "lines":
		src, err = s.Lines.build(open)
	case "mask":
		src, err = s.Mask.build()
	case "strings":
		src, err = s.Strings.build()
	case "permutations":
		src, err = s.Permutations.build()
	case "hosts":
		src, err = parseHosts(s.Hosts)
	case "product":
		if of, err = parts(s.Product); err != nil {
			return nil, err // it names its own path
		}
		src, err = newProduct(of, " ")
	case "zip":
		if of, err = parts(s.Zip); err != nil {
			return nil, err
		}
		src, err = newZip(of)
	case "concat":
		if of, err = parts(s.Concat); err != nil {
			return nil, err
		}
		src, err = newConcat(of)
	case "slice":
		inner, innerErr := s.Slice.Of.build(path+".of", open, depth+1)
		if innerErr != nil {
			return nil, innerErr
		}
		src, err = s.Slice.build(inner)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return src, nil
}

func (s SliceSpec) build(of Source) (Source, error) {
	end := s.End
	if end == 0 {
		end = of.Len()
	}
	if s.Start < 0 || s.Start >= end || end > of.Len() {
		return nil, fmt.Errorf("[%d,%d) is empty, or not within the %d items there are; start and end must be in order and within", s.Start, end, of.Len())
	}
	return slice{of, s.Start, end}, nil
}

func (s LinesSpec) build(open OpenLines) (Source, error) {
	of := 0
	for _, given := range []bool{s.Path != "", s.Text != "", s.ConfigMap != nil} {
		if given {
			of++
		}
	}
	switch {
	case of == 0:
		return nil, errors.New("has no lines; give one of path, text and configMap")
	case of > 1:
		return nil, errors.New("has more than one of path, text and configMap; give one")
	case s.SHA256 != "" && !isSum(s.SHA256):
		return nil, fmt.Errorf("sha256: is %.100q; must be 64 hexadecimal digits, in small letters (sha256sum)", s.SHA256)
	case s.Bytes < 0:
		return nil, fmt.Errorf("bytes: is %d; must be 0 or more", s.Bytes)
	case s.Count < 0:
		return nil, fmt.Errorf("count: is %d; must be 0 to %d", s.Count, int64(MaxLen))
	}
	if _, err := checkLen(big.NewInt(s.Count)); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	if s.Text != "" {
		l, err := IndexLines(context.Background(), strings.NewReader(s.Text), int64(len(s.Text)))
		if err != nil {
			return nil, err
		}
		return l, l.check(s)
	}
	if open == nil {
		return nil, fmt.Errorf("the file %s is not at hand here; build the source where it is", s.where())
	}
	l, err := open(s)
	if err != nil {
		return nil, err
	}
	return l, l.check(s)
}

// field is the name of the one field that is set.
func (s Spec) field() (string, error) {
	var names, set []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"range", s.Range != nil}, {"values", len(s.Values) > 0}, {"lines", s.Lines != nil}, {"mask", s.Mask != nil},
		{"strings", s.Strings != nil}, {"permutations", s.Permutations != nil}, {"hosts", s.Hosts != ""},
		{"product", len(s.Product) > 0}, {"zip", len(s.Zip) > 0}, {"concat", len(s.Concat) > 0}, {"slice", s.Slice != nil}} {
		names = append(names, f.name)
		if f.set {
			set = append(set, f.name)
		}
	}
	switch len(set) {
	case 0:
		return "", errors.New("is empty; give one of " + strings.Join(names, ", "))
	case 1:
		return set[0], nil
	}
	return "", errors.New("has more than one kind (" + strings.Join(set, ", ") + "); give one, or combine them with product, zip or concat")
}

// Len is the number of items, without opening a file: what is known of it says how many lines it has. The error names the
// field.
func (s Spec) Len() (int64, error) {
	src, err := s.Build(func(l LinesSpec) (*Lines, error) {
		switch {
		case l.Count > 0 || l.SHA256 != "": // of an empty file the sum is known
			return Describe(l), nil
		case l.ConfigMap != nil:
			return nil, errors.New("configMap: is read on Kubernetes only; elsewhere give the lines as text, or a path")
		}
		return nil, fmt.Errorf("count: is not given; give the number of lines that %s has (wc -l)", l.Path)
	})
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

// Empty tells whether the spec describes nothing.
func (s Spec) Empty() bool {
	return s.Range == nil && len(s.Values) == 0 && s.Lines == nil && s.Mask == nil && s.Strings == nil && s.Permutations == nil &&
		s.Hosts == "" && len(s.Product) == 0 && len(s.Zip) == 0 && len(s.Concat) == 0 && s.Slice == nil
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
	join := func(specs []Spec, sep string) string {
		texts := make([]string, len(specs))
		for i, x := range specs {
			texts[i] = x.String()
		}
		return strings.Join(texts, sep)
	}
	switch {
	case s.Range != nil:
		return s.Range.String()
	case len(s.Values) == 1:
		return s.Values[0]
	case len(s.Values) > 0:
		return fmt.Sprintf("%d values", len(s.Values))
	case s.Lines != nil:
		return "lines of " + s.Lines.where()
	case s.Mask != nil:
		return s.Mask.String()
	case s.Strings != nil:
		return fmt.Sprintf("%d of %s", s.Strings.Length, s.Strings.Alphabet)
	case s.Permutations != nil:
		return "permutations of " + s.Permutations.Alphabet
	case s.Hosts != "":
		return s.Hosts
	case len(s.Product) > 0:
		return join(s.Product, " × ")
	case len(s.Zip) > 0:
		return join(s.Zip, " + ")
	case len(s.Concat) > 0:
		return join(s.Concat, ", ")
	case s.Slice != nil:
		return fmt.Sprintf("%s[%d:%d]", s.Slice.Of, s.Slice.Start, s.Slice.End)
	}
	return ""
}
