package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
)

// Object is what a command is about: one of a kind, by its name.
type Object struct{ Kind, Name string }

// kinds are the words for a kind, as kubectl knows them.
var kinds = map[string]string{
	"worklist": v1alpha1.WorklistKind, "worklists": v1alpha1.WorklistKind, "wl": v1alpha1.WorklistKind,
	"swarm": v1alpha1.SwarmKind, "swarms": v1alpha1.SwarmKind, "sw": v1alpha1.SwarmKind,
}

// made are the words for what the server makes by itself.
var made = []string{"assignment", "assignments", "asg"}

// KindOf is the kind that a word stands for, with its group or without; "" if none.
func KindOf(word string) string {
	return kinds[strings.ToLower(strings.TrimSuffix(word, "."+v1alpha1.Group))]
}

// Objects are those that arguments name, as kubectl has them named: a kind and names of that kind (swarm a b), or each with its
// kind before it (swarm/a worklist/b). A name alone is that of a worklist.
func Objects(args []string) (out []Object, err error) {
	kind := v1alpha1.WorklistKind
	if len(args) == 0 {
		return nil, nil
	}
	if word, _, slash := strings.Cut(args[0], "/"); (slash || len(args) > 1) && slices.Contains(made, strings.ToLower(word)) {
		return nil, fmt.Errorf("%q: assignments come and go with the workers that join; `get assignments` lists them", word)
	}
	if len(args) > 1 && KindOf(args[0]) != "" {
		kind, args = KindOf(args[0]), args[1:]
	}
	for _, arg := range args {
		o := Object{kind, arg}
		if word, name, both := strings.Cut(arg, "/"); both {
			if o = (Object{KindOf(word), name}); o.Kind == "" {
				return nil, fmt.Errorf("%q: is no worklist and no swarm; give the name of one, as in swarm/NAME", arg)
			}
		}
		if o.Name == "" || strings.Contains(o.Name, "/") {
			return nil, fmt.Errorf("%q: is no name of a %s", arg, strings.ToLower(o.Kind))
		}
		out = append(out, o)
	}
	return out, nil
}

// OneObject is how many arguments a command takes that is about one object: its name, or its kind and its name.
func OneObject(cmd *cobra.Command, args []string) error {
	if len(args) == 2 && KindOf(args[0]) != "" {
		return nil
	}
	return Arguments(1, 1)(cmd, args)
}
