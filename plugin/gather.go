package plugin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/workers"
	"teamtask.dev/plugin/explain"
)

// most bounds how many pods or events are looked at: what many have in common, some have.
const most = client.Limit(500)

// gather reads what an explanation of a list is made from. Only the list itself must be readable.
func (s *session) gather(ctx context.Context, name string) (*explain.Facts, error) {
	wl, err := s.worklist(ctx, name)
	if err != nil {
		return nil, err
	}
	f := &explain.Facts{List: wl}
	selector, err := labels.Parse(workers.Selector(name))
	if err != nil {
		return nil, err
	}
	here, ours := client.InNamespace(s.namespace), client.MatchingLabelsSelector{Selector: selector}
	var (
		jobs   batchv1.JobList
		pods   corev1.PodList
		events corev1.EventList
		quotas corev1.ResourceQuotaList
	)
	readings := []reading{
		{"blocks", func() (err error) { f.Blocks, err = s.blocks(ctx, name); return err }},
		{"the lists that come first", func() (err error) { f.First, err = s.first(ctx, wl); return err }},
		{"jobs", func() error { return s.List(ctx, &jobs, here, ours) }},
		{"pods", func() error { return s.List(ctx, &pods, here, ours, most) }},
		{"events", func() error { return s.List(ctx, &events, here, client.MatchingFields{"type": "Warning"}, most) }},
		{"resourcequotas", func() error { return s.List(ctx, &quotas, here) }},
		{"", func() (err error) { f.Controller, err = s.controller(ctx); return err }},
	}
	if f.Unread, err = readAll(readings); err != nil {
		return nil, err
	}
	// A list knows of what goes out before a Block has it: read after its Blocks, it knows of all that they hold.
	if f.List, err = s.worklist(ctx, name); err != nil {
		return nil, err
	}
	f.Now = time.Now()
	f.Jobs = slices.DeleteFunc(jobs.Items, func(j batchv1.Job) bool { return !metav1.IsControlledBy(&j, f.List) })
	f.Pods, f.Quotas = pods.Items, quotas.Items
	f.Warnings = concerning(f, events.Items)
	if len(f.Blocks) == 0 {
		f.Denied = s.denied(ctx, f.Pods, []need{
			{"create Blocks", authorizationv1.ResourceAttributes{Verb: "create", Resource: "blocks"}},
			{"work on worklist " + name, authorizationv1.ResourceAttributes{Verb: "work", Resource: "worklists", Name: name}},
		})
	}
	return f, nil
}

// reading is one of several things that are read at a time. One without a name is not missed.
type reading struct {
	what string
	read func() error
}

// readAll says what could not be read because it is forbidden; of other errors it returns one.
func readAll(readings []reading) (unread []string, err error) {
	errs := make([]error, len(readings))
	var all sync.WaitGroup
	for i, r := range readings {
		all.Go(func() { errs[i] = r.read() })
	}
	all.Wait()
	for i, r := range readings {
		switch e := errs[i]; {
		case e == nil, r.what == "":
		case apierrors.IsForbidden(e):
			unread = append(unread, r.what+", which you may not read")
		case err == nil:
			err = fmt.Errorf("read %s: %w", r.what, e)
		}
	}
	return unread, err
}

// first reads the lists that come before another one.
func (s *session) first(ctx context.Context, wl *v1alpha1.Worklist) (out []explain.First, err error) {
	for _, name := range wl.Spec.After {
		x := explain.First{Name: name, List: &v1alpha1.Worklist{}}
		err := s.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, x.List)
		if apierrors.IsNotFound(err) {
			x.List = nil
		} else if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// controller finds the controller's Deployment, by the labels that chart and manifests give it, and its leader.
func (s *session) controller(ctx context.Context) (*explain.Controller, error) {
	var found appsv1.DeploymentList
	err := s.List(ctx, &found, client.MatchingLabels{"app.kubernetes.io/name": "teamtask", "app.kubernetes.io/component": "controller"})
	if err != nil {
		return nil, err
	}
	if len(found.Items) == 0 {
		return &explain.Controller{}, nil
	}
	d := found.Items[max(0, slices.IndexFunc(found.Items, func(d appsv1.Deployment) bool { return d.Namespace == s.namespace }))]
	c := &explain.Controller{Namespace: d.Namespace, Name: d.Name, Ready: d.Status.ReadyReplicas, Wanted: 1}
	if d.Spec.Replicas != nil {
		c.Wanted = *d.Spec.Replicas
	}
	var lease coordinationv1.Lease
	if s.Get(ctx, types.NamespacedName{Namespace: d.Namespace, Name: "teamtask-controller"}, &lease) == nil {
		c.Elects = true
		if l := lease.Spec; l.HolderIdentity != nil && l.RenewTime != nil {
			c.Leader, c.Renewed = *l.HolderIdentity, l.RenewTime.Time
		}
	}
	return c, nil
}

// concerning are the events about the list and what it has.
func concerning(f *explain.Facts, events []corev1.Event) []corev1.Event {
	ours := map[types.UID]bool{f.List.UID: true}
	for i := range f.Blocks {
		ours[f.Blocks[i].UID] = true
	}
	for i := range f.Jobs {
		ours[f.Jobs[i].UID] = true
	}
	for i := range f.Pods {
		ours[f.Pods[i].UID] = true
	}
	return about(ours, events)
}

// about are the events about some objects.
func about(ours map[types.UID]bool, events []corev1.Event) []corev1.Event {
	return slices.DeleteFunc(events, func(e corev1.Event) bool { return !ours[e.InvolvedObject.UID] })
}

// need is a right, and what it is for.
type need struct {
	words string
	authorizationv1.ResourceAttributes
}

// denied says what the service accounts of pods that run lack of what they need, if one may ask the API server about others.
func (s *session) denied(ctx context.Context, pods []corev1.Pod, needs []need) (out []string) {
	asked := map[string]bool{}
	for i := range pods {
		account := pods[i].Spec.ServiceAccountName
		if pods[i].Status.Phase != corev1.PodRunning || asked[account] {
			continue
		}
		asked[account] = true
		for _, need := range needs {
			need.Group, need.Namespace = v1alpha1.Group, s.namespace
			review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + s.namespace + ":" + account, ResourceAttributes: &need.ResourceAttributes,
				Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + s.namespace, "system:authenticated"},
			}}
			if s.Create(ctx, &review) == nil && !review.Status.Allowed {
				out = append(out, fmt.Sprintf("the service account %s/%s may not %s", s.namespace, account, need.words))
			}
		}
	}
	return out
}
