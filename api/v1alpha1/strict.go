package v1alpha1

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	kjson "sigs.k8s.io/json"
)

// DecodeStrict reads JSON into v, and refuses fields that are unknown or stand twice: by their path, and with the name that was
// probably meant. A value of the wrong type is a *FieldError.
func DecodeStrict(raw []byte, v any) error {
	if err := CheckQuantities(raw, v); err != nil {
		return err
	}
	problems, err := kjson.UnmarshalStrict(raw, v)
	if err != nil {
		return WrongValue(raw, v, err)
	}
	for i, problem := range problems {
		var at kjson.FieldError
		if errors.As(problem, &at) && strings.HasPrefix(problem.Error(), "unknown field ") {
			parent, name := cutField(at.FieldPath())
			problems[i] = fmt.Errorf("%w%s", problem, DidYouMean(name, members(typeAt(reflect.TypeOf(v), parent), nil)))
		}
	}
	return errors.Join(problems...)
}

// DidYouMean asks whether one of the names is meant by one that is none of them, to be put behind what is said of that: the one that
// is nearest, if that is a slip or two away. "": none is.
func DidYouMean(name string, names []string) string {
	// Of a short name two letters are too much: anything would do.
	best, least := "", min(2, max(1, len(name)/3))+1
	for _, known := range names {
		if d := slips(strings.ToLower(name), strings.ToLower(known)); d < least {
			best, least = known, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// slips is the optimal string alignment distance: how many letters have to be put in, left out, replaced, or swapped with the next, to
// have one word from the other, where none is touched twice (https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance).
func slips(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// cutField cuts the last name off a path such as spec.workloads.list[0].weight.
func cutField(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

// typeAt is the type of what is at a path within a value of type t; nil if that is not known.
func typeAt(t reflect.Type, path string) reflect.Type {
	for path != "" && t != nil {
		name, rest, _ := strings.Cut(path, ".")
		name, index, list := strings.Cut(name, "[")
		t = member(t, name)
		for ; list && t != nil; _, index, list = strings.Cut(index, "[") {
			if t = direct(t); t.Kind() != reflect.Slice && t.Kind() != reflect.Map {
				return nil
			}
			t = t.Elem()
		}
		path = rest
	}
	return t
}

func direct(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// member is the type of a member of an object; nil if it has none of that name.
func member(t reflect.Type, name string) (out reflect.Type) {
	if t = direct(t); t.Kind() == reflect.Map {
		return t.Elem()
	}
	members(t, func(known string, of reflect.Type) {
		if known == name {
			out = of
		}
	})
	return out
}

// members are the names of an object's members, those of the structs embedded in it among them. each is told of their types; nil:
// nobody is.
func members(t reflect.Type, each func(name string, of reflect.Type)) (names []string) {
	if t == nil {
		return nil
	}
	if t = direct(t); t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, members(f.Type, each)...)
		case name != "" && name != "-":
			names = append(names, name)
			if each != nil {
				each(name, f.Type)
			}
		}
	}
	return names
}
