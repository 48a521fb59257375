// Command kubernetes measures Worklists on a real Kubernetes API server, which it starts with an etcd on this machine
// (test/cluster): what a block costs the API server and the controller, and how many items a second go through the gateway. The
// API server holds everybody to the rules that users have, with its flow control and our policies. The workers do nothing with
// their blocks. All of it shares this machine's processors.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"teamtask.dev/test/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "directory with teamtask and teamtask-controller")
	flag.IntVar(&o.workers, "workers", 1000, "workers that speak to the Kubernetes API")
	flag.IntVar(&o.lists, "lists", 50, "worklists that they work on")
	flag.IntVar(&o.blocks, "blocks", 100, "blocks of each")
	flag.DurationVar(&o.limit, "limit", 15*time.Second, "how long the gateway is measured")
	flag.StringVar(&o.only, "only", "", "what to measure alone: refilled, single or gateway")
	flag.Parse()
	if !slices.Contains([]string{"", "refilled", "single", "gateway"}, o.only) {
		fmt.Fprintf(os.Stderr, "bench: --only is %q; must be refilled, single or gateway\n", o.only)
		os.Exit(2)
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	bin                    string
	workers, lists, blocks int
	limit                  time.Duration
	only                   string
}

func (o options) measures(what string) bool { return o.only == "" || o.only == what }

func run(ctx context.Context, o options) (err error) {
	runtime.LockOSThread() // the processes that are started end with this thread
	klog.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "teamtask-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := cluster.Start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	b := &bench{options: o, cluster: c}
	if err := b.install(ctx); err != nil {
		return err
	}
	ways := []way{{"refilled", "one Block for all ranges of a worker", 4, b.work}, {"single", "one for each range", 0, b.workSingly}}
	ways = slices.DeleteFunc(ways, func(w way) bool { return !o.measures(w.name) })
	for _, w := range ways { // before the controller begins
		for i := range b.lists {
			if err := b.list(ctx, w.list(i), int64(b.blocks)*blockSize, blockSize); err != nil {
				return err
			}
		}
	}
	controller, err := b.start(ctx, asController, "teamtask-controller", "--log-level=error", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	if err != nil {
		return err
	}
	defer controller.stop()
	for _, w := range ways {
		if err := b.direct(ctx, controller, w); err != nil {
			return err
		}
	}
	if !o.measures("gateway") {
		return nil
	}
	return b.throughGateway(ctx)
}

// program is a child process.
type program struct{ cmd *exec.Cmd }

// start starts one of our programs, which calls the API server as that user.
func (b *bench) start(ctx context.Context, as user, name string, args ...string) (*program, error) {
	kubeconfig, err := b.cluster.KubeconfigFor(as.name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, name), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s (make build): %w", name, err)
	}
	return &program{cmd}, nil
}

func (p *program) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// cpu is the processor time that a process has used so far, in seconds: fields 14 and 15 of proc(5), in ticks of 1/100 s.
func (p *program) cpu() float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var user, system float64
	var skip string
	fields := []any{&skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &skip, &user, &system}
	fmt.Sscan(string(raw), fields...)
	return (user + system) / 100
}

// row prints a figure beside its target, as bench/figures.sh does.
func row(what string, value float64, unit, cmp string, target float64) {
	verdict := "NOT REACHED"
	if cmp == ">" && value > target || cmp == "<" && value < target || cmp == "" {
		verdict = "reached"
	}
	if cmp == "" {
		fmt.Printf("%-52s %14.6g %s\n", what, value, unit)
		return
	}
	fmt.Printf("%-52s %14.6g %-8s %s %-10.10g %s\n", what, value, unit, cmp, target, verdict)
}
