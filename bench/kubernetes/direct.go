package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
	"teamtask.dev/test/cluster"
)

type bench struct {
	options
	cluster *cluster.Cluster
	client  ctrl.WithWatch
}

const (
	namespace = "default"
	blockSize = 1000
)

func listName(i int) string { return fmt.Sprintf("list-%d", i) }

// list makes a worklist.
func (b *bench) list(ctx context.Context, name string, items int64, of int64) error {
	wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.WorklistSpec{Size: items, Block: v1alpha1.BlockPolicy{Size: of}}}
	// A CustomResourceDefinition takes a moment to be served.
	err := retry.OnError(wait.Backoff{Duration: 100 * time.Millisecond, Factor: 1, Steps: 300}, apierrors.IsNotFound, func() error {
		return b.client.Create(ctx, wl)
	})
	if err != nil {
		return fmt.Errorf("make worklist %s: %w", name, err)
	}
	return nil
}

// direct has many workers work on many lists by the Kubernetes API.
func (b *bench) direct(ctx context.Context, controller *program) error {
	before, err := b.writes(ctx)
	if err != nil {
		return err
	}
	cpu, begun := controller.cpu(), time.Now()
	var blocks atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, b.workers)
	for i := range b.workers {
		all.Go(func() {
			if err := b.work(ctx, listName(i%b.lists), fmt.Sprintf("worker-%d", i), &blocks); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	took, n := time.Since(begun).Seconds(), float64(blocks.Load())
	after, err := b.writes(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d workers on %d worklists, blocks of %d items, by the Kubernetes API:\n", b.workers, b.lists, blockSize)
	row("  blocks", n/took, "blocks/s", "", 0)
	row("  writes to the API server for a block", (after-before)/n, "writes", "<", 4)
	row("  writes for a million items", (after-before)/n*1e6/blockSize, "writes", "", 0)
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
	if _, err := up.Get(ctx, list); err != nil {
		return err
	}
	for {
		resp, err := up.Claim(ctx, list, &v1alpha1.ClaimRequest{Worker: worker, Blocks: 1, Wait: &metav1.Duration{Duration: 10 * time.Second}})
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

// written finds the API server's count of writes to our resources.
var written = regexp.MustCompile(`(?m)^apiserver_request_total\{(.*?)\} ([0-9.e+]+)$`)

// writes is how many writes of ours the API server has answered with success so far: also those of events.
func (b *bench) writes(ctx context.Context) (n float64, err error) {
	text, err := b.cluster.Kubectl(ctx, "get", "--raw", "/metrics")
	if err != nil {
		return 0, err
	}
	for _, m := range written.FindAllStringSubmatch(text, -1) {
		labels := m[1]
		ours := strings.Contains(labels, `group="teamtask.dev"`) || strings.Contains(labels, `group="events.k8s.io"`)
		read := strings.Contains(labels, `verb="GET"`) || strings.Contains(labels, `verb="LIST"`) || strings.Contains(labels, `verb="WATCH"`)
		if !ours || read || !strings.Contains(labels, `code="20`) {
			continue
		}
		count, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return 0, fmt.Errorf("read the API server's metrics: %w", err)
		}
		n += count
	}
	return n, nil
}
