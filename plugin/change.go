package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, names []string) error {
			chosen, errs := which.read(ctx, s, names)
			if len(chosen) == 0 && len(errs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "No worklists found in the namespace %s.\n", s.namespace)
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
	cmd.Flags().BoolVar(&which.all, "all", false, "all lists of the namespace")
	cmd.Flags().StringVarP(&which.labels, "selector", "l", "", "lists with these labels, such as team=maths,stage!=test")
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

// selection says which lists are meant, where they are not named.
type selection struct {
	all    bool
	labels string
}

// read reads the lists that are meant, or the lists and swarms that are named. Of those named, one that cannot be read does not keep
// the others from being changed.
func (x selection) read(ctx context.Context, s *session, names []string) (chosen []client.Object, errs []error) {
	ways := 0
	for _, given := range []bool{len(names) > 0, x.all, x.labels != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, []error{errors.New("say which lists: either their names, or --selector, or --all")}
	}
	if len(names) > 0 {
		return s.named(ctx, names)
	}
	selector, err := labels.Parse(x.labels)
	if err != nil {
		return nil, []error{fmt.Errorf("--selector %q: %w", x.labels, err)}
	}
	var all v1alpha1.WorklistList
	if err := s.List(ctx, &all, client.InNamespace(s.namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, []error{s.readable("list", cmdline.Object{Kind: v1alpha1.WorklistKind}, err)}
	}
	for i := range all.Items {
		chosen = append(chosen, &all.Items[i])
	}
	return chosen, nil
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
