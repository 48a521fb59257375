package v1alpha1

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// WrongValue puts the error of decoding raw JSON into v in the words of the API: a *FieldError that names the field whose
// value has the wrong type or form, and says what it must be. An error of another kind it returns as it is.
func WrongValue(raw []byte, v any, err error) error {
	if err == nil || !json.Valid(raw) {
		return err
	}
	if field := wrongField(raw, reflect.TypeOf(v).Elem(), ""); field != nil && field.Field != "" {
		return field
	}
	return err
}

// wrongField is the innermost value in raw that is none of type t; nil if all is well.
func wrongField(raw json.RawMessage, t reflect.Type, path string) *FieldError {
	if json.Unmarshal(raw, reflect.New(t).Interface()) == nil {
		return nil
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	wrong := &FieldError{path, "must be " + wanted(t)}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return wrong
	}
	switch t.Kind() {
	case reflect.Struct:
		var values map[string]json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			return wrong
		}
		return wrongMember(values, t, path)
	case reflect.Slice:
		var values []json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			return wrong
		}
		for i, value := range values {
			if inner := wrongField(value, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); inner != nil {
				return inner
			}
		}
	case reflect.Map:
		var values map[string]json.RawMessage
		if json.Unmarshal(raw, &values) != nil {
			return wrong
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if inner := wrongField(values[name], t.Elem(), path+"."+name); inner != nil {
				return inner
			}
		}
	}
	if t.Kind() == reflect.String && !strings.ContainsAny(string(raw[:1]), "[{") { // such as y, which is true in YAML
		wrong.Detail += ", and is " + string(raw) + ": put it in quotes"
	}
	return wrong
}

// wrongMember is wrongField for the members of a struct, those of the structs embedded in it among them.
func wrongMember(values map[string]json.RawMessage, t reflect.Type, path string) *FieldError {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			if inner := wrongMember(values, f.Type, path); inner != nil {
				return inner
			}
			continue
		}
		if value, ok := values[name]; ok {
			if inner := wrongField(value, f.Type, strings.TrimPrefix(path+"."+name, ".")); inner != nil {
				return inner
			}
		}
	}
	return nil
}

// wanted says what a value of a type looks like.
func wanted(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[metav1.Duration]():
		return "a duration such as 60s"
	case reflect.TypeFor[resource.Quantity]():
		return "a quantity such as 64Ki"
	case reflect.TypeFor[shortQuantity]():
		return shortQuantityForm
	case reflect.TypeFor[intstr.IntOrString]():
		return `a count (10) or a share of the items ("5%")`
	case reflect.TypeFor[metav1.Time]():
		return "a time such as 2006-01-02T15:04:05Z"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
