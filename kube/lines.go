package kube

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/items"
)

// OpenLines opens the lines of ConfigMaps in a namespace; those of files it leaves to another.
func OpenLines(ctx context.Context, c ctrl.Reader, namespace string, files items.OpenLines) items.OpenLines {
	return func(spec items.LinesSpec) (*items.Lines, error) {
		if spec.ConfigMap == nil {
			return files(spec)
		}
		var cm corev1.ConfigMap
		if err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: spec.ConfigMap.Name}, &cm); err != nil {
			return nil, explain(operation{"get", "configmaps"}, namespace, spec.ConfigMap.Name, err)
		}
		text, err := spec.ConfigMap.Text(cm.Data)
		if err != nil {
			return nil, err
		}
		return items.IndexLines(ctx, strings.NewReader(text), int64(len(text)))
	}
}
