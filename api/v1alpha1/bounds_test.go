package v1alpha1

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// The bounds that the schema declares are those that validation holds to, whichever way a manifest comes in.
func TestBounds(t *testing.T) {
	n := 0
	var walk func(path string, v reflect.Value, whole *Worklist)
	walk = func(path string, v reflect.Value, whole *Worklist) {
		for i := range v.NumField() {
			f, field := v.Type().Field(i), v.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			at := path + "." + name
			if field.Kind() == reflect.Struct {
				walk(at, field, whole)
			}
			bound, err := strconv.ParseInt(f.Tag.Get("maximum"), 10, 64)
			if err != nil || !field.CanInt() {
				continue
			}
			n++
			for _, bad := range []int64{bound + 1, -1} {
				old := field.Int()
				field.SetInt(bad)
				if field.Int() != bad {
					t.Fatalf("%s cannot hold %d", at, bad)
				}
				var wrong *FieldError
				if err := whole.Complete(); !errors.As(err, &wrong) || wrong.Field != at {
					t.Errorf("%s: %d is not refused: %v", at, bad, err)
				}
				field.SetInt(old)
			}
		}
	}
	wl := &Worklist{Spec: WorklistSpec{Size: 1}}
	wl.APIVersion, wl.Kind, wl.Name = APIVersion, WorklistKind, "bounds"
	walk("spec", reflect.ValueOf(&wl.Spec).Elem(), wl)
	if n < 4 {
		t.Errorf("only %d bounds were found", n)
	}
}
