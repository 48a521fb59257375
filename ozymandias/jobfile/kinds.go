package jobfile

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"teamtask.dev/ozymandias/job"
)

// fieldsOf returns a struct's fields by their JSON names.
func fieldsOf(t reflect.Type) map[string]int {
	known := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = i
	}
	return known
}

func isNull(n *yaml.Node) bool {
	n = resolved(n)
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// kindOf names what a node is.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return fmt.Sprintf("%q", cut(n.Value))
	}
	return "an alias"
}

// examples are of what is written as a map, for who wrote something else.
var examples = map[reflect.Type]string{
	reflect.TypeFor[job.Container]():   "{image: web}",
	reflect.TypeFor[job.Ingress]():     "{host: web.example, port: 8080}",
	reflect.TypeFor[job.TLS]():         "{acme: true}",
	reflect.TypeFor[job.Healthcheck](): "{type: http, port: 8080, path: /}",
	reflect.TypeFor[job.Volume]():      "{path: /data, space: 1G}",
	reflect.TypeFor[job.Vault]():       "{path: secret/data/web, key: password, role: web}",
	reflect.TypeFor[job.Placement]():   "{requires: {disk: ssd}}",
	reflect.TypeFor[job.Update]():      "{order: start-first}",
}

// wanted names what a type is written as.
func wanted(t reflect.Type) string {
	_, text := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	_, other := reflect.New(t).Interface().(json.Unmarshaler)
	switch {
	case text:
		return "a single value"
	case t.Kind() == reflect.Struct && other:
		return "a name or a map"
	case t.Kind() == reflect.Struct && examples[t] != "":
		return "a map, as in " + examples[t]
	case t.Kind() == reflect.Struct:
		return "a map"
	case t.Kind() == reflect.Map && other:
		return "a map or a list"
	case t.Kind() == reflect.Map && examples[t.Elem()] != "":
		return "a map by name, as in {app: " + examples[t.Elem()] + "}"
	case t.Kind() == reflect.Map:
		return "a map by name"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct && other:
		return "a map or a list of them, as in " + examples[t.Elem()]
	case t.Kind() == reflect.Slice && other:
		return "text or a list of words"
	case t.Kind() == reflect.Slice && examples[t.Elem()] != "":
		return "a list, as in [" + examples[t.Elem()] + "]"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	}
	return "text"
}

// plain says what is wrong without a word of encoding/json and Go's types.
func plain(err error, n *yaml.Node, v reflect.Value) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Sprintf("is %s; must be %s", kindOf(n), wanted(v.Type()))
	}
	return err.Error()
}

// cut keeps a message readable, whatever the value.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}
