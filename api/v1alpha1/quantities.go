package v1alpha1

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// CheckQuantities refuses raw JSON that it would take hours to decode into v, by a *FieldError: resource.ParseQuantity works out
// 10 to the power of an exponent, whatever that is. Call it before what a stranger sent is decoded.
//
// The bounds are those of the CustomResourceDefinitions: an exponent has two digits at most.
func CheckQuantities(raw []byte, v any) error {
	t := quantitiesOf(reflect.TypeOf(v))
	if t == nil {
		return nil
	}
	if err := json.Unmarshal(raw, reflect.New(t).Interface()); !errors.Is(err, errLongQuantity) {
		return nil // what else is wrong is said when it is decoded
	}
	if field := wrongField(raw, t, ""); field != nil {
		return field
	}
	return errLongQuantity
}

// CheckQuantity is CheckQuantities for a quantity by itself.
func CheckQuantity(text string) error {
	if len(text) > longestQuantity || longExponent.MatchString(text) {
		return errLongQuantity
	}
	return nil
}

// longestQuantity is how many bytes a quantity has at most, with its quotes.
const longestQuantity = 64

const shortQuantityForm = "a quantity such as 64Ki, whose exponent has two digits at most"

var (
	longExponent    = regexp.MustCompile(`[eE][+-]?[0-9]{3}`)
	errLongQuantity = fmt.Errorf("must be %s", shortQuantityForm)
)

// shortQuantity stands for a resource.Quantity, and looks only at its text.
type shortQuantity struct{}

func (shortQuantity) UnmarshalJSON(text []byte) error { return CheckQuantity(string(text)) }

var ofQuantities sync.Map // from a reflect.Type to what quantitiesOf makes of it

// quantitiesOf is a type with nothing but the quantities that are in type t, as shortQuantity; nil: there are none. It is decoded as
// t is: names in another case and fields that stand twice are found, too.
func quantitiesOf(t reflect.Type) reflect.Type {
	if known, ok := ofQuantities.Load(t); ok {
		of, _ := known.(reflect.Type)
		return of
	}
	made := quantitiesIn(t, map[reflect.Type]bool{})
	ofQuantities.Store(t, made)
	return made
}

// quantitiesIn makes such a type. What is in a type that is looked at already is not looked for again: a list's items nest, and have
// no quantities.
func quantitiesIn(t reflect.Type, at map[reflect.Type]bool) reflect.Type {
	switch {
	case t == reflect.TypeFor[resource.Quantity]():
		return reflect.TypeFor[shortQuantity]()
	case at[t]:
		return nil
	}
	at[t] = true
	defer delete(at, t)
	switch t.Kind() {
	case reflect.Pointer:
		if of := quantitiesIn(t.Elem(), at); of != nil {
			return reflect.PointerTo(of)
		}
	case reflect.Slice:
		if of := quantitiesIn(t.Elem(), at); of != nil {
			return reflect.SliceOf(of)
		}
	case reflect.Map:
		if of := quantitiesIn(t.Elem(), at); of != nil {
			return reflect.MapOf(t.Key(), of)
		}
	case reflect.Struct:
		if fields := quantityFields(nil, t, at); len(fields) > 0 {
			return reflect.StructOf(fields)
		}
	}
	return nil
}

// quantityFields appends the fields of a struct that have quantities in them, those of the structs embedded in it among them.
func quantityFields(fields []reflect.StructField, t reflect.Type, at map[reflect.Type]bool) []reflect.StructField {
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			fields = quantityFields(fields, f.Type, at)
			continue
		}
		if of := quantitiesIn(f.Type, at); f.IsExported() && of != nil {
			fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", len(fields)), Type: of, Tag: f.Tag})
		}
	}
	return fields
}
