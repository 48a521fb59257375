package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/watchdog"
)

// The roles that make the test's program another one.
const (
	nodeRole     = "NODE_TEST_NODE"     // the process of a node, by this configuration
	watchdogRole = "NODE_TEST_WATCHDOG" // a watchdog, by this one
)

// machine is where the nodes of most tests run, one after the other.
var machine *podmantest.Machine

func TestMain(m *testing.M) {
	for role, play := range map[string]func(string) error{nodeRole: playNode, watchdogRole: playWatchdog} {
		if text := os.Getenv(role); text != "" {
			os.Unsetenv(role)
			if err := play(text); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	var err error
	if machine, err = podmantest.Setup(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	machine.Service.Close() // each node starts its own
	code = m.Run()
	if err := machine.Restart(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := machine.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// A setting is what the process of a node goes by.
type setting struct {
	Name      string
	Dir, Run  string
	Cgroup    string
	TTL       time.Duration
	Capacity  placement.Resources
	Endpoints []string
	Podman    struct{ Dir, Run string }
	Network   podman.Network
	Leave     bool
}

func playNode(text string) error {
	var s setting
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	client, err := clientv3.New(clientv3.Config{Endpoints: s.Endpoints})
	if err != nil {
		return err
	}
	defer client.Close()
	o, err := s.options(ctx, client, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	n, err := node.New(o)
	if err != nil {
		return err
	}
	return n.Run(ctx)
}

// options are those of a node of that setting, with a mirror that is followed until ctx ends.
func (s setting) options(ctx context.Context, client *clientv3.Client, log *slog.Logger) (o node.Options, err error) {
	o = node.Options{Name: s.Name, Address: "127.0.0.1", Dir: s.Dir, Run: s.Run, Cgroup: s.Cgroup, TTL: s.TTL, Capacity: s.Capacity, Etcd: client,
		Podman: podman.Options{Dir: s.Podman.Dir, Run: s.Podman.Run, Output: os.Stderr}, Network: s.Network, Log: log}
	o.Leave = func() bool { return s.Leave }
	o.Store = state.New(client)
	o.Watchdog = func(until time.Duration) *exec.Cmd {
		guarded, err := json.Marshal(guarded{node.WatchdogSocket(s.Run), node.StopGroup(s.Cgroup), until})
		if err != nil {
			panic(err) // it can be written
		}
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), watchdogRole+"="+string(guarded))
		c.Stderr = os.Stderr
		return c
	}
	for {
		if o.Mirror, err = o.Store.NewMirror(ctx); err == nil {
			go func() { _ = o.Mirror.Run(ctx) }()
			return o, nil
		}
		if ctx.Err() != nil {
			return o, err
		}
	}
}

// guarded is what a watchdog goes by.
type guarded struct {
	Socket, Group string
	Until         time.Duration
}

func playWatchdog(text string) error {
	var g guarded
	if err := json.Unmarshal([]byte(text), &g); err != nil {
		return err
	}
	group, err := cgroup.Find(g.Group)
	if err != nil {
		return err
	}
	return watchdog.Guard(context.Background(), g.Socket, group, g.Until)
}
