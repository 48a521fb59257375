package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
	"teamtask.dev/test/cluster"
)

type bench struct {
	options
	cluster *cluster.Cluster
	admin   ctrl.WithWatch
	client  ctrl.WithWatch // of the workers
}

const (
	namespace = "default"
	blockSize = 1000
)

// way is how workers take ranges by the Kubernetes API.
type way struct {
	name, what string
	most       float64 // writes for a block: the target; 0: none
	work       func(ctx context.Context, list, worker string, blocks *atomic.Int64) error
}

func (w way) list(i int) string { return fmt.Sprintf("%s-%d", w.name, i) }

// list makes a worklist.
func (b *bench) list(ctx context.Context, name string, items int64, of int64) error {
	wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.WorklistSpec{Size: items, Block: v1alpha1.BlockPolicy{Size: of}}}
	if err := b.admin.Create(ctx, wl); err != nil {
		return fmt.Errorf("make worklist %s: %w", name, err)
	}
	return nil
}

// direct has many workers work on many lists by the Kubernetes API.
func (b *bench) direct(ctx context.Context, controller *program, w way) error {
	before, err := b.usage(ctx)
	if err != nil {
		return err
	}
	cpu, begun := controller.cpu(), time.Now()
	var blocks atomic.Int64
	all, working := errgroup.WithContext(ctx)
	for i := range b.workers {
		all.Go(func() error { return w.work(working, w.list(i%b.lists), fmt.Sprintf("worker-%d", i), &blocks) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	took, n := time.Since(begun).Seconds(), float64(blocks.Load())
	after, err := b.usage(ctx)
	if err != nil {
		return err
	}
	used := after.since(before)
	fmt.Printf("%d workers on %d worklists, blocks of %d items, by the Kubernetes API, %s:\n", b.workers, b.lists, blockSize, w.what)
	row("  blocks", n/took, "blocks/s", "", 0)
	cmp := "<"
	if w.most == 0 {
		cmp = ""
	}
	row("  writes to the API server for a block", used.writes/n, "writes", cmp, w.most)
	row("  reads and watches for a block", used.reads/n, "reads", "", 0)
	row("  API server, for a thousand blocks", used.cpu/n*1000, "CPU s", "", 0)
	row("  controller, for a thousand blocks", (controller.cpu()-cpu)/n*1000, "CPU s", "", 0)
	return nil
}

// work takes blocks and turns them in until the list is over.
func (b *bench) work(ctx context.Context, list, worker string, blocks *atomic.Int64) error {
	up := kube.New(kube.Options{Client: b.client, Namespace: namespace, List: list, Worker: worker, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		up.Close(last)
	}()
	if _, err := patiently(func() (*v1alpha1.Worklist, error) { return up.Get(ctx, list) }); err != nil {
		return err
	}
	for {
		resp, err := patiently(func() (*v1alpha1.ClaimResponse, error) {
			return up.Claim(ctx, list, &v1alpha1.ClaimRequest{Worker: worker, Blocks: 1, Wait: &metav1.Duration{Duration: 10 * time.Second}})
		})
		if err != nil {
			return err
		}
		if resp.None == v1alpha1.NoneOver {
			return nil
		}
		for _, x := range resp.Leases {
			done, err := up.Exchange(ctx, list, &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: worker}, Reports: []v1alpha1.Report{{Token: x.Token}}})
			if err != nil {
				return err
			}
			blocks.Add(int64(done.Accepted))
		}
	}
}

// patiently repeats a call that was not answered in time, as a tier does.
func patiently[T any](call func() (T, error)) (T, error) {
	for {
		if answer, err := call(); !errors.Is(err, context.DeadlineExceeded) {
			return answer, err
		}
	}
}
