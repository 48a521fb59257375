package pools

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// read is a program that reads the ConfigMap: as it starts, and, with Reload, whenever its pod is touched. One that is deaf does so only
// as it starts.
func (p *program) read(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		if first || !p.deaf {
			p.readOnce(ctx)
		}
		if first && p.n.swarm.Refresh == v1alpha1.RefreshReload {
			served := make(chan struct{})
			go func() { defer close(served); p.listen(ctx) }()
			defer func() { <-served }()
		}
		select {
		case <-p.touched:
		case <-ctx.Done():
			return
		}
		if p.n.swarm.Refresh == v1alpha1.RefreshRestart {
			p.n.s.t.Errorf("pod %s is touched, and is to be restarted", p.name)
		}
		p.n.dawdle(ctx)
	}
}

// readOnce waits for the ConfigMap to be there, as a kubelet does, and has the program run what it says.
func (p *program) readOnce(ctx context.Context) {
	for ctx.Err() == nil {
		var m corev1.ConfigMap
		if err := p.n.s.client.Get(ctx, client.ObjectKey{Namespace: p.n.s.ns, Name: "parts"}, &m); err != nil {
			chaos.Pause(ctx, 20*time.Millisecond)
			continue
		}
		all, err := v1alpha1.ReadPublished(m.Data[v1alpha1.PublishedKey])
		if err != nil {
			p.n.s.t.Error(err)
			return
		}
		p.n.dawdle(ctx) // what was read may be out of date by now
		if part := all.Of(p.name); part != nil && ctx.Err() == nil {
			p.apply(part.Version, part.Jobs)
		}
		return
	}
}

// serve answers requests until ctx ends.
func serve(ctx context.Context, l net.Listener, answer func() string) {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answer()) })}
	go func() { <-ctx.Done(); server.Close() }()
	server.Serve(l)
}

var sessions atomic.Int64

// watch is a program that follows its Assignment, under a lease: it joins, runs what it is granted, acknowledges, and stops everything
// when it is held to be gone, or cannot renew its lease. One that is deaf never acknowledges.
func (p *program) watch(ctx context.Context) {
	for ctx.Err() == nil {
		incarnation := fmt.Sprintf("%s-%d", p.name, sessions.Add(1))
		if a := p.write(ctx, func(a *v1alpha1.Assignment) bool {
			a.Status.Incarnation, a.Status.Version = incarnation, 0
			return true
		}); a == nil {
			chaos.Pause(ctx, 50*time.Millisecond)
			continue
		}
		p.session(ctx, incarnation)
		p.apply(0, nil)
	}
}

// session lasts as long as its incarnation.
func (p *program) session(ctx context.Context, incarnation string) {
	renewed := time.Now()
	version := int64(0)
	for ctx.Err() == nil {
		lost, sent := false, time.Now()
		a := p.write(ctx, func(a *v1alpha1.Assignment) bool {
			if lost = a.Status.Incarnation != incarnation; lost {
				return false
			}
			if a.Spec.Incarnation == incarnation && a.Spec.Version > version && !p.deaf {
				var jobs []string
				for _, g := range a.Spec.Workloads {
					jobs = append(jobs, g.Name)
				}
				version = a.Spec.Version
				p.apply(version, jobs)
			}
			if a.Status.Version < version {
				a.Status.Version = version
				return true
			}
			return sent.Sub(renewed) > time.Second
		})
		if lost {
			return
		}
		if a != nil {
			renewed = sent
		}
		if time.Since(renewed) > p.n.swarm.Handover.Lease.Duration*8/10 {
			return // and stops everything
		}
		chaos.Pause(ctx, 50*time.Millisecond)
	}
}

// write writes the status of the program's Assignment, if there is something to write. It returns nil if that was not so, or failed.
func (p *program) write(ctx context.Context, change func(*v1alpha1.Assignment) bool) *v1alpha1.Assignment {
	if p.cut.Load() {
		return nil
	}
	a := &v1alpha1.Assignment{}
	if err := p.n.s.client.Get(ctx, client.ObjectKey{Namespace: p.n.s.ns, Name: "s." + p.name}, a); err != nil {
		return nil
	}
	if !change(a) {
		return nil
	}
	a.Status.RenewTime = &metav1.MicroTime{Time: time.Now()}
	if err := p.n.s.client.Status().Update(ctx, a); err != nil {
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			p.n.s.t.Errorf("pod %s: %v", p.name, err)
		}
		return nil
	}
	return a
}
