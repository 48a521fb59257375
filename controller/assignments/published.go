package assignments

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// published are ConfigMaps that were read, so that each is read in full only when it has changed: it is the same for all workers.
type published struct {
	mu   sync.Mutex
	read map[types.NamespacedName]edition
}

// edition is a ConfigMap as it once was.
type edition struct {
	uid     types.UID
	version string
	all     *v1alpha1.Published
}

// of is what a ConfigMap has, as it is now; nil if there is none, or none that can be read: its writer sees to that.
func (p *published) of(ctx context.Context, live client.Reader, name types.NamespacedName) (*v1alpha1.Published, error) {
	var meta metav1.PartialObjectMetadata
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	if found, err := fetch(ctx, live, name, &meta); !found || err != nil {
		p.keep(name, edition{})
		return nil, err
	}
	p.mu.Lock()
	e := p.read[name]
	p.mu.Unlock()
	if e.uid == meta.UID && e.version == meta.ResourceVersion {
		return e.all, nil
	}
	var full corev1.ConfigMap
	if found, err := fetch(ctx, live, name, &full); !found || err != nil {
		return nil, err
	}
	e = edition{uid: full.UID, version: full.ResourceVersion}
	if all, err := v1alpha1.ReadPublished(full.Data[v1alpha1.PublishedKey]); err == nil {
		e.all = all
	}
	p.keep(name, e)
	return e.all, nil
}

func (p *published) keep(name types.NamespacedName, e edition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.uid == "" {
		delete(p.read, name)
		return
	}
	if p.read == nil {
		p.read = map[types.NamespacedName]edition{}
	}
	p.read[name] = e
}
