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
		Use: name + " (NAME... | --selector LABELS | --all)", Short: short, ValidArgsFunction: a.completeLists(1 << 20),
		Example: fmt.Sprintf("  kubectl teamtask %[1]s primes sieve\n  kubectl teamtask %[1]s --selector team=maths", name),
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, names []string) error {
			lists, errs := which.read(ctx, s, names)
			if len(lists) == 0 && len(errs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "No worklists found in the namespace %s.\n", s.namespace)
			}
			for i := range lists {
				became, err := s.change(ctx, &lists[i], verb(&lists[i]))
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s\n", lists[i].Name, became)
			}
			return errors.Join(errs...)
		}),
	}
	cmd.Flags().BoolVar(&which.all, "all", false, "all lists of the namespace")
	cmd.Flags().StringVarP(&which.labels, "selector", "l", "", "lists with these labels, such as team=maths,stage!=test")
	return cmd
}

// change carries a verb out, and says what has become of the list.
func (s *session) change(ctx context.Context, wl *v1alpha1.Worklist, v change.Verb) (string, error) {
	if why := v.Idle(wl); why != "" {
		return why, nil
	}
	patch, err := json.Marshal(v.Patch())
	if err != nil {
		return "", err
	}
	return v.Done, s.readable("patch", wl.Name, s.Patch(ctx, wl, client.RawPatch(types.MergePatchType, patch)))
}

// selection says which lists are meant, where they are not named.
type selection struct {
	all    bool
	labels string
}

// read reads the lists that are meant. Of those named, one that cannot be read does not keep the others from being changed.
func (x selection) read(ctx context.Context, s *session, names []string) (lists []v1alpha1.Worklist, errs []error) {
	ways := 0
	for _, given := range []bool{len(names) > 0, x.all, x.labels != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, []error{errors.New("say which lists: either their names, or --selector, or --all")}
	}
	for _, name := range names {
		wl, err := s.worklist(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !slices.ContainsFunc(lists, func(other v1alpha1.Worklist) bool { return other.Name == wl.Name }) {
			lists = append(lists, *wl)
		}
	}
	if len(names) > 0 {
		return lists, errs
	}
	selector, err := labels.Parse(x.labels)
	if err != nil {
		return nil, []error{fmt.Errorf("--selector %q: %w", x.labels, err)}
	}
	var all v1alpha1.WorklistList
	if err := s.List(ctx, &all, client.InNamespace(s.namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, []error{s.readable("list", "", err)}
	}
	return all.Items, nil
}
