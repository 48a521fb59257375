package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
	kubeswarms "teamtask.dev/kube/swarms"
	"teamtask.dev/member"
)

// memberFlags say as whom, and where, a swarm is joined.
type memberFlags struct {
	kube   kubeFlags
	name   string
	labels map[string]string
	drain  time.Duration
	grace  time.Duration
	given  func(flag string) bool
}

func (m *memberFlags) register(cmd *cobra.Command) {
	m.kube.register(cmd)
	f := cmd.Flags()
	m.given = f.Changed
	f.Lookup("kube").Usage = "the swarm is a Swarm in Kubernetes"
	f.Lookup("namespace").Usage = "the swarm's namespace, with --kube (default that of the kubeconfig, or the pod's)"
	f.StringVar(&m.name, "worker", "", "the worker's name, unique in the pool (default $POD_NAME, or the host's name)")
	f.StringToStringVarP(&m.labels, "label", "l", nil, "a label of the worker (key=value), which workloads may require; may be repeated")
	f.Var(durationAtLeast(time.Millisecond, &m.drain), "drain", "on SIGTERM, or the first Ctrl-C, have everything moved to other workers first, for so long at most")
	m.grace = 5 * time.Second
	f.Var(durationAtLeast(0, &m.grace), "grace", "how long a process may take to end after SIGTERM before it is killed")
}

// worker is who joins.
func (m *memberFlags) worker() (member.Worker, error) {
	if m.given("worker") && m.name == "" {
		return member.Worker{}, errors.New(`--worker "": is empty; leave it out for $POD_NAME, or the host's name`)
	}
	name := m.name
	for _, l := range []string{os.Getenv("POD_NAME"), hostname()} {
		if name == "" {
			name = strings.ToLower(l)
		}
	}
	const longest = 189 // SWARM.WORKER is the name of an object
	problems := validation.IsDNS1123Subdomain(name)
	switch {
	case len(problems) == 0 && len(name) <= longest:
		if err := v1alpha1.CheckLabels("--label", m.labels); err != nil {
			return member.Worker{}, err
		}
		return member.Worker{Name: name, Labels: m.labels}, nil
	case m.name == "":
		return member.Worker{}, fmt.Errorf("this host's name, %q, cannot be a worker's: give one of lower-case letters, digits, - and . with --worker", name)
	}
	return member.Worker{}, fmt.Errorf("--worker %q: must be at most %d lower-case letters, digits, - and ., beginning and ending with a letter or digit", name, longest)
}

func hostname() string {
	name, _ := os.Hostname()
	return name
}

// door is where the swarm is joined. It is closed by the function that comes with it.
func (m *memberFlags) door(g *global, swarm string, log *slog.Logger) (member.Door, func(), error) {
	if !m.kube.on {
		c, err := g.connect()
		if err != nil {
			return nil, nil, err
		}
		return serverDoor{c.Swarm(swarm)}, c.Close, nil
	}
	klog.SetLogger(logr.FromSlogHandler(log.Handler())) // the Kubernetes client logs by itself, in two ways
	ctrllog.SetLogger(logr.FromSlogHandler(log.Handler()))
	config, namespace, err := m.kube.access.Load()
	if err != nil {
		return nil, nil, err
	}
	c, err := kube.NewClient(config)
	if err != nil {
		return nil, nil, err
	}
	return &kubeswarms.Door{Client: c, Namespace: namespace, Swarm: swarm}, func() {}, nil
}

// serverDoor is that of a List server, which says what to do where there is none.
type serverDoor struct{ member.Door }

func (d serverDoor) Join(ctx context.Context, w member.Worker) (member.Session, error) {
	s, err := d.Door.Join(ctx, w)
	return s, unreached(err)
}

// until gives the worker's context, and its drain: a signal ends the one or, with --drain, closes the other first. Either is said.
func (m *memberFlags) until(signalled context.Context, say func(string, ...any)) (ctx context.Context, drain <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(signalled))
	draining := make(chan struct{})
	forget := context.AfterFunc(signalled, func() {
		switch {
		case errors.As(context.Cause(signalled), new(exit)): // it is no signal: the program has ended
			cancel()
		case m.drain > 0:
			say("told to go: having everything moved to other workers first, for %s at most; another signal ends everything at once", m.drain)
			close(draining)
			time.AfterFunc(m.drain, cancel)
		default:
			say("told to go: stopping everything; another signal, a second later or more, ends it at once")
			cancel()
		}
	})
	return ctx, draining, func() {
		forget()
		cancel()
	}
}

// dieOf ends this process, and so what it started, where not everything could be stopped before the lease ran out.
func dieOf(say func(string, ...any)) func(why error) {
	return func(why error) {
		say("lost: %v", why)
		say("not everything could be stopped in time: this process ends, and what it started with it")
		os.Exit(1)
	}
}

// run is a member of the swarm until a signal, or ctx, ends that. It returns nil if the worker has left in order.
func (m *memberFlags) run(ctx context.Context, g *global, swarm string, w member.Worker, log *slog.Logger, say func(string, ...any), o member.Options, apply member.Apply) error {
	door, closeDoor, err := m.door(g, swarm, log)
	if err != nil {
		return err
	}
	defer closeDoor()
	ctx, drain, stop := m.until(ctx, say)
	defer stop()
	o.Drain, o.Log = drain, log
	joined, was := o.Joined, false
	o.Joined = func(lease time.Duration) {
		was = true
		say("joined %s as %s; the lease is %s", swarm, w.Name, lease)
		joined(lease)
	}
	err = member.Run(ctx, door, w, o, apply)
	if err != nil && (!errors.Is(err, context.Canceled) || ctx.Err() == nil) {
		return err
	}
	if !was {
		say("never joined %s", swarm)
		return nil
	}
	say("left %s", swarm)
	return nil
}
