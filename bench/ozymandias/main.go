// Command ozymandias measures Ozymandias with podman, flannel, CoreDNS and etcd: four nodes of it, each in a network namespace of its own,
// three of them with a member of etcd. It needs root, and ozymandias, coredns and flanneld in the directory that -bin names (`make build
// programs`).
//
//	go run ./bench/ozymandias -bin bin
//
// What can be had without Ozymandias is measured beside it in the same run: podman alone, and requests that do not go through the
// ingress. All of it shares this machine's processors: the ratios say more than the numbers. It ends with an error if
// anything is left behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next one ends us
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "directory with ozymandias, coredns and flanneld")
	flag.IntVar(&o.jobs, "jobs", 5, "jobs that are submitted one by one, and checks that fail")
	flag.IntVar(&o.failures, "failures", 1, "how often a node, and how often a machine, is lost, with etcd's leader and without")
	flag.IntVar(&o.instances, "instances", 50, "instances on the node whose memory is measured")
	flag.DurationVar(&o.limit, "limit", 3*time.Second, "how long each load lasts")
	flag.StringVar(&o.only, "only", "", "what to measure alone: rest, submit, memory, ingress, names, deploy or failover")
	flag.Parse()
	if os.Geteuid() != 0 {
		fmt.Println("Ozymandias makes networks and runs containers: its figures are had as root only, and left out here.")
		return
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	bin                       string
	jobs, failures, instances int
	limit                     time.Duration
	only                      string
}

// A bench is the stage, and what is measured on it.
type bench struct {
	options
	*stage
	begun time.Time
}

func run(ctx context.Context, o options) (err error) {
	b := &bench{options: o, begun: time.Now()}
	b.progress("setting up four nodes")
	b.stage, err = setUp(ctx, o.bin)
	defer func() {
		b.progress("taking them down")
		err = errors.Join(err, b.close())
		b.progress("done")
	}()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name, what string
		measure    func(context.Context) error
	}{
		{"rest", "nodes at rest", b.rest},
		{"submit", "submitting jobs", b.submit},
		{"memory", fmt.Sprintf("a node with %d instances", o.instances), b.memory},
		{"ingress", "requests through the ingress", b.ingress},
		{"names", "names of what is unwell", b.names},
		{"deploy", "a deploy under load", b.deploy},
		{"failover", "losing nodes", b.failover},
	} {
		if o.only != "" && o.only != part.name {
			continue
		}
		b.progress(part.what)
		if err := part.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	return nil
}

// progress says on standard error what comes next.
func (b *bench) progress(what string) {
	fmt.Fprintf(os.Stderr, "%4.0fs  %s\n", time.Since(b.begun).Seconds(), what)
}
