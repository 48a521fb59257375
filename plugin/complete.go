package plugin

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
)

const nothingElse = cobra.ShellCompDirectiveNoFileComp

// completeLists completes names of worklists in the shell: at most that many, each once.
func (a *access) completeLists(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, nothingElse
		}
		return others(a.names(cmd.Context(), v1alpha1.GroupVersion.WithKind(v1alpha1.WorklistKind)), args), nothingElse
	}
}

// completeNames completes names of worklists, and of swarms with their kind before them: at most that many, each once.
func (a *access) completeNames(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		of := func(kind, prefix string) (names []string) {
			for _, name := range a.names(cmd.Context(), v1alpha1.GroupVersion.WithKind(kind)) {
				names = append(names, prefix+name)
			}
			return others(names, args)
		}
		given, kind := args, ""
		if len(args) > 0 {
			if kind = cmdline.KindOf(args[0]); kind != "" { // the rest are names of that kind
				given = args[1:]
			}
		}
		prefix, _, both := strings.Cut(begun, "/")
		switch {
		case cmd.Flags().Changed("all") || cmd.Flags().Changed("selector"): // only a kind goes with these
			if len(args) > 0 {
				return nil, nothingElse
			}
			return []string{"worklists", "swarms"}, nothingElse
		case len(given) >= most:
			return nil, nothingElse
		case kind != "":
			return of(kind, ""), nothingElse
		case both && cmdline.KindOf(prefix) != "":
			return of(cmdline.KindOf(prefix), prefix+"/"), nothingElse
		}
		return append(of(v1alpha1.WorklistKind, ""), of(v1alpha1.SwarmKind, "swarm/")...), nothingElse
	}
}

// others are the names that are not given yet.
func others(names, given []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(given, name) })
}

// completeFlags completes what --namespace and --context take.
func (a *access) completeFlags(root *cobra.Command) {
	root.RegisterFlagCompletionFunc("namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.names(cmd.Context(), corev1.SchemeGroupVersion.WithKind("Namespace")), nothingElse
	})
	root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, err := a.rules.Load()
		if err != nil {
			return nil, nothingElse
		}
		return slices.Sorted(maps.Keys(config.Contexts)), nothingElse
	})
}

// names are those of all objects of a kind, without the objects, which may be large. There are none where they cannot be had
// soon: somebody has just pressed a key.
func (a *access) names(ctx context.Context, kind schema.GroupVersionKind) (names []string) {
	a.overrides.Timeout = cmp.Or(a.overrides.Timeout, "0")
	if a.overrides.Timeout == "0" {
		a.overrides.Timeout = "3s"
	}
	s, err := a.connect()
	if err != nil {
		return nil
	}
	where := []client.ListOption{client.Limit(500)}
	if kind.Group == v1alpha1.Group {
		where = append(where, client.InNamespace(s.namespace))
	}
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if s.List(ctx, &list, where...) != nil {
		return nil
	}
	for _, o := range list.Items {
		names = append(names, o.Name)
	}
	return names
}
