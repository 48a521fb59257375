package swarms

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// largest is what a ConfigMap may hold.
const largest = 1 << 20

// publication is what is to be published, and where.
type publication struct {
	configMap *corev1.ConfigMap // as it was read before the Assignments; without a UID it is to be made
	before    *v1alpha1.Published
	trouble   string // why it cannot be published
	found     bool   // it was there before the Swarm, and stays when that goes
}

// publisher is the annotation of a ConfigMap that was there before: the UID of the Swarm that publishes in it.
const publisher = v1alpha1.Group + "/published-by"

// findConfigMap reads the Swarm's ConfigMap. It is another's unless the Swarm has made it, or publishes in it already. One that is there,
// and empty, is published in, as pods that are to read it may want it to be there; it stays whoever's it is.
func (r *Reconciler) findConfigMap(ctx context.Context, swarm *v1alpha1.Swarm) (*publication, error) {
	if swarm.Spec.ConfigMap == "" {
		return nil, nil
	}
	p := &publication{configMap: &corev1.ConfigMap{}, before: &v1alpha1.Published{}}
	name := types.NamespacedName{Namespace: swarm.Namespace, Name: swarm.Spec.ConfigMap}
	err := r.Live.Get(ctx, name, p.configMap)
	switch {
	case apierrors.IsNotFound(err):
		p.configMap.Namespace, p.configMap.Name = name.Namespace, name.Name
		return p, nil
	case err != nil:
		return nil, fmt.Errorf("read ConfigMap %s: %w", name, err)
	}
	before, unreadable := v1alpha1.ReadPublished(p.configMap.Data[v1alpha1.PublishedKey])
	p.found = !metav1.IsControlledBy(p.configMap, swarm)
	owned := !p.found || p.configMap.Annotations[publisher] == string(swarm.UID)
	switch {
	case p.configMap.Immutable != nil && *p.configMap.Immutable:
		p.trouble = fmt.Sprintf("spec.configMap: ConfigMap %s is immutable: delete it, and it is made anew", name.Name)
	case !owned && (unreadable != nil || len(before.Workloads) > 0 || len(p.configMap.BinaryData) > 0 || !onlyPublished(p.configMap) || metav1.GetControllerOf(p.configMap) != nil):
		p.trouble = fmt.Sprintf("spec.configMap: there is a ConfigMap %s that is not this Swarm's, and it is not overwritten: name another one, or delete it", name.Name)
	case unreadable == nil: // otherwise somebody has written it by hand: everything is published once more
		p.before = before
	}
	return p, nil
}

// onlyPublished tells whether there is nothing in a ConfigMap but what is published.
func onlyPublished(m *corev1.ConfigMap) bool {
	_, there := m.Data[v1alpha1.PublishedKey]
	return len(m.Data) == 0 || there && len(m.Data) == 1
}

// next is what is to be published of Assignments after what was published before.
func next(before *v1alpha1.Published, assignments []v1alpha1.Assignment) (after *v1alpha1.Published, changed bool) {
	after = &v1alpha1.Published{Version: before.Version, Workloads: make(map[string]*v1alpha1.PublishedPart, len(assignments))}
	newest := int64(0)
	var others []*v1alpha1.PublishedPart
	for i := range assignments {
		a := &assignments[i].Spec
		newest = max(newest, a.Version)
		part := before.Of(a.Worker)
		if part == nil || !grants(part.Jobs, a.Workloads) || part.Version > before.Version {
			part = &v1alpha1.PublishedPart{Jobs: make([]string, 0, len(a.Workloads))}
			for _, g := range a.Workloads {
				part.Jobs = append(part.Jobs, g.Name)
			}
			others = append(others, part)
		}
		after.Workloads[a.Worker] = part
	}
	if len(others) > 0 || len(after.Workloads) < len(before.Workloads) {
		after.Version++
	}
	after.Version = max(after.Version, newest)
	for _, part := range others {
		part.Version = after.Version
	}
	return after, after.Version != before.Version
}

// grants tells whether the jobs are those that were granted.
func grants(jobs []string, granted []v1alpha1.Grant) bool {
	return slices.EqualFunc(jobs, granted, func(job string, g v1alpha1.Grant) bool { return job == g.Name })
}

// prepare decides what is published, and whether that can be.
func (p *publication) prepare(assignments []v1alpha1.Assignment) (text string, changed bool) {
	if p == nil || p.trouble != "" {
		return "", false
	}
	after, changed := next(p.before, assignments)
	if changed = changed || p.configMap.UID == ""; !changed {
		return "", false
	}
	if text = after.String(); len(text) > largest {
		p.trouble = fmt.Sprintf("spec.configMap: all parts together are %d bytes, and a ConfigMap holds %d: share the workloads out among several Swarms, or have workers watch (refresh: Watch)", len(text), largest)
		return "", false
	}
	return text, true
}

// publish writes the ConfigMap, if it is as it was read.
func (r *Reconciler) publish(ctx context.Context, swarm *v1alpha1.Swarm, p *publication, text string) error {
	m := p.configMap
	m.Data = map[string]string{v1alpha1.PublishedKey: text}
	if m.UID == "" {
		m.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(swarm, v1alpha1.GroupVersion.WithKind(v1alpha1.SwarmKind))}
		if err := r.Client.Create(ctx, m); err != nil {
			return fmt.Errorf("make ConfigMap %s: %w", m.Name, err)
		}
		return nil
	}
	if p.found {
		metav1.SetMetaDataAnnotation(&m.ObjectMeta, publisher, string(swarm.UID))
	}
	if err := r.Client.Update(ctx, m); err != nil {
		return fmt.Errorf("publish in ConfigMap %s: %w", m.Name, err)
	}
	return nil
}

// withdraw leaves a ConfigMap that was there before as it was found: without parts. Its version stays, as pods may go on that have
// read it, and say so to the next Swarm that publishes there.
func (r *Reconciler) withdraw(ctx context.Context, p *publication) error {
	if p == nil || !p.found || p.trouble != "" || p.configMap.Annotations[publisher] == "" {
		return nil
	}
	m, left := p.configMap, v1alpha1.Published{Version: p.before.Version}
	if last, err := v1alpha1.ReadPublished(m.Data[v1alpha1.PublishedKey]); err == nil { // which this look may have written
		left.Version = last.Version
	}
	left.Version++
	delete(m.Annotations, publisher)
	m.Data = map[string]string{v1alpha1.PublishedKey: left.String()}
	if err := r.Client.Update(ctx, m); err != nil {
		return fmt.Errorf("take the parts out of ConfigMap %s: %w", m.Name, err)
	}
	return nil
}
