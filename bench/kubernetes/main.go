// Command kubernetes measures Worklists on a real Kubernetes API server, which it starts with an etcd on this machine
// (test/cluster): what a block costs the API server and the controller, and how many items a second go through the gateway. The
// workers do nothing with their blocks. All of it shares this machine's processors.
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
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"teamtask.dev/kube"
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
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	bin                    string
	workers, lists, blocks int
	limit                  time.Duration
}

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
	if _, err := c.Kubectl(ctx, "apply", "-f", "config/crd"); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // the API server's own flow control is the bound
	client, err := kube.NewClient(config)
	if err != nil {
		return err
	}
	b := &bench{options: o, cluster: c, client: client}
	for i := range b.lists { // before the controller, which takes its time where the kinds are not there yet
		if err := b.list(ctx, listName(i), int64(b.blocks)*blockSize, blockSize); err != nil {
			return err
		}
	}
	controller, err := b.start(ctx, "teamtask-controller", "--log-level=error", "--metrics-bind-address=0", "--health-probe-bind-address=0")
	if err != nil {
		return err
	}
	defer controller.stop()
	if err := b.direct(ctx, controller); err != nil {
		return err
	}
	return b.throughGateway(ctx)
}

// program is a child process.
type program struct{ cmd *exec.Cmd }

// start starts one of our programs as the cluster's administrator.
func (b *bench) start(ctx context.Context, name string, args ...string) (*program, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, name), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+b.cluster.Kubeconfig)
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
