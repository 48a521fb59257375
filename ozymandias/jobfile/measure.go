package jobfile

import "go.yaml.in/yaml/v3"

const (
	// maxDepth is deeper than anything in a job or compose file.
	maxDepth = 50
	// maxNodes is more than a file of MaxSize needs that has no aliases of aliases.
	maxNodes = MaxSize
)

// measure says what makes a document too large to be walked through, "" if nothing does. Aliases can make a small file endless, or
// let it contain itself; whoever walks through it after this need not mind.
func measure(root *yaml.Node) (where *yaml.Node, fault string) {
	nodes := 0
	var visit func(n *yaml.Node, depth int)
	visit = func(n *yaml.Node, depth int) {
		nodes++
		switch {
		case fault != "":
			return
		case nodes > maxNodes:
			where, fault = n, "is too much once its aliases are written out: use fewer"
			return
		case depth > maxDepth:
			where, fault = n, "is nested too deeply, or an alias stands within what it names"
			return
		}
		if n.Kind == yaml.AliasNode {
			visit(n.Alias, depth+1)
			return
		}
		for _, inner := range n.Content {
			visit(inner, depth+1)
		}
	}
	visit(root, 0)
	return where, fault
}

// resolved follows an alias.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
