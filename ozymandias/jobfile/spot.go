package jobfile

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// spot is a position in a file, counted from 1.
type spot struct{ line, column int }

func at(n *yaml.Node) spot { return spot{n.Line, n.Column} }

// fields says where each field stands, by its path.
type fields map[string]struct{ name, value spot }

// add notes a field. A list or a map is found by its name: where it begins is another field already.
func (f fields) add(path string, name, value *yaml.Node) {
	if value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode {
		value = name
	}
	f[path] = struct{ name, value spot }{at(name), at(value)}
}

// find returns where to look for a field: its value if it has a single one, its name otherwise, and if it is not there what it would
// be in.
func (f fields) find(path string) spot {
	if field, ok := f[path]; ok {
		return field.value
	}
	for path != "" {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
		if field, ok := f[path]; ok {
			return field.name
		}
	}
	return f[""].name
}
