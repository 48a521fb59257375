package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/change"
	"teamtask.dev/cli/cmdline"
)

// changeCommand is the command of a verb.
func changeCommand(a *access, v change.Verb) *cobra.Command {
	return verbCommand(a, v.Name, v.Short, func(*v1alpha1.Worklist) change.Verb { return v })
}

func retryCommand(a *access) *cobra.Command {
	return verbCommand(a, "retry", change.RetryShort, change.Retry)
}

// verbCommand is the command of a verb that may be another one for each list.
func verbCommand(a *access, name, short string, verb func(*v1alpha1.Worklist) change.Verb) *cobra.Command {
	var which selection
	cmd := &cobra.Command{
		Use: name + " (NAME... | --selector LABELS | --all)", Short: short, ValidArgsFunction: a.completeNames(1 << 20),
		Example: fmt.Sprintf("  kubectl teamtask %[1]s primes sieve\n  kubectl teamtask %[1]s --selector team=maths", name),
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
			kind, names := which.kind(args)
			chosen, errs := which.read(ctx, s, kind, names)
			if len(chosen) == 0 && len(errs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "No %ss found in the namespace %s.\n", strings.ToLower(kind), s.namespace)
			}
			for _, object := range chosen {
				became, err := s.change(ctx, object, verb)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintln(cmd.OutOrStdout(), became)
			}
			return errors.Join(errs...)
		}),
	}
	all, labelled := "all lists of the namespace", "lists with these labels, such as team=maths,stage!=test"
	if verb(&v1alpha1.Worklist{}).ForSwarms() {
		cmd.Use = name + " (NAME... | [worklists | swarms] (--selector LABELS | --all))"
		cmd.Example += fmt.Sprintf("\n  kubectl teamtask %[1]s swarm/streams\n  kubectl teamtask %[1]s swarms --all", name)
		all, labelled = all+"; after \"swarms\", all its swarms", "those with these labels, such as team=maths,stage!=test"
	}
	cmd.Flags().BoolVar(&which.all, "all", false, all)
	cmd.Flags().StringVarP(&which.labels, "selector", "l", "", labelled)
	return cmd
}

// change carries a verb out, and says what has become of the list or the swarm.
func (s *session) change(ctx context.Context, object client.Object, verb func(*v1alpha1.Worklist) change.Verb) (string, error) {
	if sw, ok := object.(*v1alpha1.Swarm); ok {
		v := verb(&v1alpha1.Worklist{})
		why, err := v.IdleSwarm(sw)
		if err == nil && why == "" {
			why, err = v.Done, s.patch(ctx, sw, cmdline.Object{Kind: v1alpha1.SwarmKind, Name: sw.Name}, v)
		}
		return fmt.Sprintf("swarm/%s %s", sw.Name, why), err
	}
	wl := object.(*v1alpha1.Worklist)
	v := verb(wl)
	why, err := v.Idle(wl), error(nil)
	if why == "" {
		why, err = v.Done, s.patch(ctx, wl, cmdline.Object{Kind: v1alpha1.WorklistKind, Name: wl.Name}, v)
	}
	return fmt.Sprintf("worklist/%s %s", wl.Name, why), err
}

// patch changes an object's spec.
func (s *session) patch(ctx context.Context, object client.Object, o cmdline.Object, v change.Verb) error {
	patch, err := json.Marshal(v.Patch())
	if err != nil {
		return err
	}
	return s.readable("patch", o, s.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch)))
}

// selection says which lists, or swarms, are meant, where they are not named.
type selection struct {
	all    bool
	labels string
}

// kind is what is meant by arguments: names, or with a selection the kind of what is selected.
func (x selection) kind(args []string) (kind string, names []string) {
	if len(args) == 1 && (x.all || x.labels != "") && cmdline.KindOf(args[0]) != "" {
		return cmdline.KindOf(args[0]), nil
	}
	return v1alpha1.WorklistKind, args
}

// read reads those of a kind that are meant, or the lists and swarms that are named. Of those named, one that cannot be read does not
// keep the others from being changed.
func (x selection) read(ctx context.Context, s *session, kind string, names []string) (chosen []client.Object, errs []error) {
	ways := 0
	for _, given := range []bool{len(names) > 0, x.all, x.labels != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, []error{errors.New("say which lists: either their names, or --selector, or --all; for swarms, swarm/NAME, or swarms before --selector or --all")}
	}
	if len(names) > 0 {
		return s.named(ctx, names)
	}
	selector, err := labels.Parse(x.labels)
	if err != nil {
		return nil, []error{fmt.Errorf("--selector %q: %w", x.labels, err)}
	}
	if chosen, err = s.selectedBy(ctx, kind, selector); err != nil {
		return nil, []error{s.readable("list", cmdline.Object{Kind: kind}, err)}
	}
	return chosen, nil
}

// selectedBy reads all lists, or all swarms, that have some labels.
func (s *session) selectedBy(ctx context.Context, kind string, selector labels.Selector) (chosen []client.Object, err error) {
	here, ours := client.InNamespace(s.namespace), client.MatchingLabelsSelector{Selector: selector}
	if kind == v1alpha1.SwarmKind {
		var all v1alpha1.SwarmList
		err = s.List(ctx, &all, here, ours)
		for i := range all.Items {
			chosen = append(chosen, &all.Items[i])
		}
		return chosen, err
	}
	var all v1alpha1.WorklistList
	err = s.List(ctx, &all, here, ours)
	for i := range all.Items {
		chosen = append(chosen, &all.Items[i])
	}
	return chosen, err
}

// named reads lists and swarms by name, each once.
func (s *session) named(ctx context.Context, names []string) (found []client.Object, errs []error) {
	objects, err := cmdline.Objects(names)
	if err != nil {
		return nil, []error{err}
	}
	for i, o := range objects {
		if slices.Contains(objects[:i], o) {
			continue
		}
		var object client.Object
		if o.Kind == v1alpha1.SwarmKind {
			object, err = s.swarm(ctx, o.Name)
		} else {
			object, err = s.worklist(ctx, o.Name)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, object)
	}
	return found, errs
}
