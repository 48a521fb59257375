package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

// kinds are the words for a kind.
var kinds = map[string]string{"job": "job", "jobs": "job", "instance": "instance", "instances": "instance", "in": "instance", "node": "node", "nodes": "node", "no": "node"}

// kindOf is the kind that a word stands for; "" if none.
func kindOf(word string) string { return kinds[strings.ToLower(word)] }

// thing is what a command is about: one of a kind, by its name.
type thing struct{ kind, name string }

// things are those that arguments name: a kind and names of that kind (node a b), or each with its kind before it (node/a job/b). A name
// alone is that of a job.
func things(args []string) (out []thing, err error) {
	kind := "job"
	if len(args) > 1 && kindOf(args[0]) != "" {
		kind, args = kindOf(args[0]), args[1:]
	}
	for _, arg := range args {
		t := thing{kind, arg}
		if word, name, both := strings.Cut(arg, "/"); both {
			t = thing{kindOf(word), name}
		}
		if t.kind == "" || t.name == "" {
			return nil, fmt.Errorf("%q is no job, no instance and no node; write job/NAME, instance/NAME or node/NAME", arg)
		}
		out = append(out, t)
	}
	return out, nil
}

// meant is the one that a command is about. A name alone is that of a job or, where there is none of that name, of an instance or a node.
func meant(ctx context.Context, c *client.Client, args []string) (thing, error) {
	all, err := things(args)
	if err != nil {
		return thing{}, err
	}
	t := all[0]
	if len(args) > 1 || t.name != args[0] {
		return t, nil
	}
	if _, err := c.Job(ctx, t.name); !client.IsType(err, v1.NotFound) {
		return t, nil
	}
	if _, err := c.Instance(ctx, t.name); err == nil {
		return thing{"instance", t.name}, nil
	}
	if _, err := c.Node(ctx, t.name); err == nil {
		return thing{"node", t.name}, nil
	}
	return t, nil
}

// bare is a name without the kind that may stand before it, as in job/web.
func bare(kind, arg string) string {
	if word, name, both := strings.Cut(arg, "/"); both && kindOf(word) == kind {
		return name
	}
	return arg
}

// one is how many arguments a command takes that is about one thing: its name, or its kind and its name.
func one(cmd *cobra.Command, args []string) error {
	if len(args) == 2 && kindOf(args[0]) != "" {
		return nil
	}
	return cmdline.Arguments(1, 1)(cmd, args)
}

// forEach goes on where a node refuses one of them. Any other error ends it, as that would be the same with the rest.
func forEach[T any](all []T, do func(T) error) error {
	var failed []error
	for _, one := range all {
		err := do(one)
		failed = append(failed, err)
		if err != nil && !errors.As(err, new(*v1.Problem)) {
			break
		}
	}
	return errors.Join(failed...)
}
