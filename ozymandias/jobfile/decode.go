package jobfile

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"teamtask.dev/ozymandias/job"
)

// decoder reads nodes into the types of package job, led by these types and their JSON names. It goes on after a fault, so that
// all are found.
//
// What a type takes besides its own shape (a command as text, an environment as a list) is the type's matter: it is given to its
// UnmarshalText or UnmarshalJSON, and only the place of a fault is added here.
type decoder struct {
	report *report
	fields fields
	// prefix of paths in faults: where the node stands in the file. The paths in fields have none.
	prefix string
	// failed has the paths of what could not be read, so that nobody complains that it is missing.
	failed unread
	// zeros has the paths of what is 0, not left out.
	zeros []string
}

func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	d.failed = append(d.failed, path)
	d.report.fault(at(n), strings.TrimPrefix(d.prefix+"."+path, "."), format, args...)
}

// validate reports what package job has against what was read.
func (d *decoder) validate(j job.Job) {
	for _, f := range slices.Concat(j.Validate(), j.Reserved()) {
		if !d.failed.explain(f.Path) {
			d.report.add(d.place(f))
		}
	}
	for _, path := range d.zeros {
		if wrong := zero(j, path, d.failed); wrong != "" {
			d.report.add(d.place(job.Fault{Path: path, Message: wrong}))
		}
	}
}

// place says where a fault of the job is that was read.
func (d *decoder) place(f job.Fault) Fault {
	return Fault{d.report.place(d.fields.find(f.Path), strings.TrimPrefix(d.prefix+"."+f.Path, ".")), f.Message}
}

// unread are the paths of fields that could not be read.
type unread []string

// explain tells whether a fault of this path comes from what could not be read: it, or what it is in.
func (u unread) explain(path string) bool {
	return slices.ContainsFunc(u, func(failed string) bool {
		return path == failed || failed == "" || failed == "containers" ||
			strings.HasPrefix(path, failed) && strings.ContainsRune(".[", rune(path[len(failed)]))
	})
}

// decode reads a node into v. What is null is left as it is: not said.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) {
	n = resolved(n)
	if isNull(n) {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	address := v.Addr().Interface()
	_, reads := address.(json.Unmarshaler)
	before := len(d.failed)
	switch text, isText := address.(encoding.TextUnmarshaler); {
	case isText && n.Kind == yaml.ScalarNode:
		if err := text.UnmarshalText([]byte(n.Value)); err != nil {
			d.fault(n, path, "%s", err)
		}
	case n.Kind == yaml.MappingNode && v.Kind() == reflect.Struct && !isText:
		d.structure(n, v, path)
	case n.Kind == yaml.MappingNode && v.Kind() == reflect.Map:
		d.mapping(n, v, path)
	case n.Kind == yaml.SequenceNode && v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.String:
		d.sequence(n, v, path)
	case n.Kind == yaml.MappingNode && v.Kind() == reflect.Slice && reads && v.Type().Elem().Kind() == reflect.Struct: // one instead of a list
		one := reflect.MakeSlice(v.Type(), 1, 1)
		d.fields.add(path+"[0]", n, n)
		d.decode(n, one.Index(0), path+"[0]")
		v.Set(one)
	case n.Kind == yaml.SequenceNode && v.Kind() == reflect.Map && reads:
		d.entries(n, v, path)
	case reads && !isText:
		if err := json.Unmarshal(jsonOf(n), address); err != nil {
			d.fault(n, path, "%s", plain(err, n, v))
		}
	case n.Kind == yaml.SequenceNode && v.Kind() == reflect.Slice:
		d.sequence(n, v, path)
	case n.Kind == yaml.ScalarNode && v.Kind() == reflect.Slice && examples[v.Type().Elem()] == "":
		d.fault(n, path, "is %s; must be %s, as in [%[1]s]", kindOf(n), wanted(v.Type()))
	case n.Kind == yaml.ScalarNode:
		d.scalar(n, v, path)
	default:
		d.fault(n, path, "is %s; must be %s", kindOf(n), wanted(v.Type()))
	}
	if v.CanInt() && v.IsZero() && len(d.failed) == before {
		d.zeros = append(d.zeros, path)
	}
}

// scalar reads a single value. Text is taken as it is written, whatever else it looks like: 1.10 stays 1.10.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if n.Tag != "!!bool" || err != nil {
			d.fault(n, path, "%q is neither true nor false", cut(n.Value))
		}
		v.SetBool(b)
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if err != nil || n.Tag != "!!int" {
			d.fault(n, path, "%q is not a whole number", cut(n.Value))
		}
		v.SetInt(int64(i))
	default:
		d.fault(n, path, "is %s; must be %s", kindOf(n), wanted(v.Type()))
	}
}

// structure reads the fields of a struct.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	known := fieldsOf(v.Type())
	d.pairs(n, path, func(key, value *yaml.Node, name string) {
		i, ok := known[name]
		if !ok {
			meant, advice := suggest(name, v.Type(), known)
			d.fault(key, join(path, name), "there is no such field%s", advice)
			if meant != "" {
				d.failed = append(d.failed, join(path, meant))
			}
			return
		}
		d.fields.add(join(path, name), key, value)
		d.decode(value, v.Field(i), join(path, name))
	})
}

// mapping reads a map from names to values.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(key, value *yaml.Node, name string) {
		d.fields.add(join(path, name), key, value)
		element := reflect.New(v.Type().Elem()).Elem()
		if element.Kind() == reflect.String && isNull(value) {
			d.fault(value, join(path, name), `has no value: give it one, "" if it is to be empty`)
		}
		d.decode(value, element, join(path, name))
		v.SetMapIndex(reflect.ValueOf(name), element)
	})
}

// sequence reads a list.
func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		path := fmt.Sprintf("%s[%d]", path, i)
		d.fields.add(path, item, item)
		if isNull(item) {
			d.fault(item, path, "has no value: give it one, or remove it")
		}
		d.decode(item, list.Index(i), path)
	}
	v.Set(list)
}

// entries reads a map from a list, entry by entry so that each fault has its line.
func (d *decoder) entries(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	for i, item := range n.Content {
		one := reflect.New(v.Type())
		if err := json.Unmarshal(slices.Concat([]byte("["), jsonOf(item), []byte("]")), one.Interface()); err != nil {
			d.fault(item, fmt.Sprintf("%s[%d]", path, i), "%s", plain(err, item, v))
			continue
		}
		for _, key := range one.Elem().MapKeys() {
			if v.MapIndex(key).IsValid() {
				d.fault(item, fmt.Sprintf("%s[%d]", path, i), "%s is given twice: remove one", key)
			}
			d.fields.add(join(path, key.String()), item, item)
			v.SetMapIndex(key, one.Elem().MapIndex(key))
		}
	}
}

// pairs calls each with the keys and values of a map, those it merges after its own, unless they are its own too.
func (d *decoder) pairs(n *yaml.Node, path string, each func(key, value *yaml.Node, name string)) {
	seen := map[string]int{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			merged = append(merged, value)
			continue
		}
		name, ok := d.name(key, path)
		if !ok {
			continue
		}
		if line, twice := seen[name]; twice {
			d.fault(key, join(path, name), "is given twice, first on line %d: remove one", line)
			continue
		}
		seen[name] = key.Line
		each(key, value, name)
	}
	for _, m := range merged {
		d.merge(m, path, seen, each)
	}
}

// merge adds what a merge key names: a map, or a list of maps whose first counts.
func (d *decoder) merge(n *yaml.Node, path string, seen map[string]int, each func(key, value *yaml.Node, name string)) {
	switch n = resolved(n); {
	case n.Kind == yaml.SequenceNode:
		for _, one := range n.Content {
			d.merge(one, path, seen, each)
		}
	case n.Kind == yaml.MappingNode:
		d.pairs(n, path, func(key, value *yaml.Node, name string) {
			if _, own := seen[name]; !own {
				seen[name] = key.Line
				each(key, value, name)
			}
		})
	default:
		d.fault(n, path, "<< is %s; must be a map, or a list of maps", kindOf(n))
	}
}

// name reads the key of a map.
func (d *decoder) name(key *yaml.Node, path string) (string, bool) {
	if key = resolved(key); key.Kind != yaml.ScalarNode {
		d.fault(key, path, "has %s as a key; must be a name", kindOf(key))
		return "", false
	}
	return key.Value, true
}

// jsonOf writes a node as JSON, single values as text. Of maps nothing is left: no type here reads one that is not of its own shape.
func jsonOf(n *yaml.Node) []byte {
	switch n = resolved(n); {
	case isNull(n):
		return []byte("null")
	case n.Kind == yaml.ScalarNode:
		b, _ := json.Marshal(n.Value) // text can always be written
		return b
	case n.Kind == yaml.SequenceNode:
		parts := make([][]byte, len(n.Content))
		for i, item := range n.Content {
			parts[i] = jsonOf(item)
		}
		return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]"))
	}
	return []byte("{}")
}
