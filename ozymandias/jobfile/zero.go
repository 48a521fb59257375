package jobfile

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"teamtask.dev/ozymandias/job"
)

// otherwise says how what some numbers of 0 mean can be had, if not by them.
var otherwise = map[string]string{
	"update.max_surge":       "write order: stop-first for none",
	"update.max_unavailable": "write order: start-first for none",
}

// zero says what is wrong with a field that says 0; "" if nothing is. Package job cannot tell it from one that is left out, and gives it the
// default: whoever wrote it meant something else. What could not be read may be what a default depends on.
func zero(j job.Job, path string, failed unread) string {
	v := field(reflect.ValueOf(j), path)
	if !v.IsValid() || v.IsZero() || len(failed) > 0 && otherwise[path] != "" {
		return ""
	}
	advice := "leave it out, or give more"
	if !j.Daemon { // it has one order only
		advice = cmp.Or(otherwise[path], advice)
	}
	return fmt.Sprintf("0 would count as left out, and become %v: %s", v, advice)
}

// field is what stands in v at a path; invalid if nothing does.
func field(v reflect.Value, path string) reflect.Value {
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		switch v = reflect.Indirect(v); v.Kind() {
		case reflect.Struct:
			at, known := fieldsOf(v.Type())[step]
			if !known {
				return reflect.Value{}
			}
			v = v.Field(at)
		case reflect.Map:
			v = v.MapIndex(reflect.ValueOf(step))
		case reflect.Slice:
			at, err := strconv.Atoi(step)
			if err != nil || at < 0 || at >= v.Len() {
				return reflect.Value{}
			}
			v = v.Index(at)
		default:
			return reflect.Value{}
		}
	}
	return reflect.Indirect(v)
}
