package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"runtime"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	pace "golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
	"teamtask.dev/items"
	"teamtask.dev/kube"
	"teamtask.dev/server"
	"teamtask.dev/worker"
)

// kubeFlags say which cluster a command is about, if any.
type kubeFlags struct {
	on     bool
	access kube.Access
}

func (k *kubeFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&k.on, "kube", false, "the list is a Worklist in Kubernetes")
	f.StringVarP(&k.access.Namespace, "namespace", "n", "", "the list's namespace, with --kube (default that of the kubeconfig, or the pod's)")
	f.StringVar(&k.access.Kubeconfig, "kubeconfig", "", "file that says where the cluster is, with --kube (default $KUBECONFIG, ~/.kube/config, or the pod's own cluster)")
	f.StringVar(&k.access.Context, "context", "", "context of the kubeconfig, with --kube")
}

// check refuses flags that do not go together.
func (k *kubeFlags) check(cmd *cobra.Command) error {
	with, others := "without", []string{"namespace", "kubeconfig", "context"}
	if k.on {
		with, others = "with", []string{"server", "token", "token-file", "all"}
	}
	for _, name := range others {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s has no meaning %s --kube", name, with)
		}
	}
	return nil
}

const (
	// kubeWrites and kubeBurst bound what one worker writes to the API server: per second in the long run, and at once. A Block
	// takes one write or two, and a list has 10,000 Blocks or so at most.
	kubeWrites, kubeBurst = 20, 40
	// kubeFarewell is how long a worker that ends takes at most, twice, to give back what it has: a pod is given 30 s, unless it
	// says otherwise. kubeHurry is how long after a second Ctrl-C.
	kubeFarewell, kubeHurry = 10 * time.Second, time.Second
)

// farewell is a context in which to give back what is held, before or after ctx has ended.
func farewell(ctx context.Context) (context.Context, context.CancelFunc) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), kubeFarewell)
	context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), context.Canceled) {
			time.AfterFunc(kubeHurry, cancel)
		}
	})
	return last, cancel
}

// workInKube works on a Worklist in Kubernetes: through a tier in this process, which gets Blocks and shares them out, so that
// the worker does as before a List server.
func (w *workFlags) workInKube(k *kubeFlags, g *global, cmd *cobra.Command, args []string) error {
	log, err := g.log(cmd.ErrOrStderr(), slog.LevelWarn)
	if err != nil {
		return err
	}
	klog.SetLogger(logr.FromSlogHandler(log.Handler())) // the Kubernetes client logs by itself, in two ways
	ctrllog.SetLogger(logr.FromSlogHandler(log.Handler()))
	name, command := args[0], args[1:]
	template, err := worker.Parse(command, w.pipe)
	if err != nil {
		return err
	}
	config, namespace, err := k.access.Load()
	if err != nil {
		return err
	}
	c, err := kube.NewClient(config)
	if err != nil {
		return err
	}
	if w.name == "" {
		w.name = kubeWorkerName()
	}
	if w.jobs <= 0 {
		w.jobs = runtime.NumCPU()
	}
	ctx, drain, stop := drainOnSignal(cmd.ErrOrStderr(), cmd.Context().Done(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	up := kube.New(kube.Options{Client: c, Namespace: namespace, List: name, Worker: w.name, Most: w.jobs + 1, Lazy: true, Bound: true,
		Pace: pace.NewLimiter(kubeWrites, kubeBurst), Fatal: fail, Log: log})
	s := sharing{workFlags: w, cmd: cmd, cluster: c, namespace: namespace, list: name, command: command, template: template, up: up, log: log}
	done, err := s.run(ctx, drain)
	last, cancel := farewell(ctx)
	defer cancel()
	if closeErr := up.Close(last); closeErr != nil && err == nil {
		log.Warn("not all could be given back; the cluster will take it", "error", closeErr)
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	var drained bool
	select {
	case <-drain:
		drained = true
	default:
	}
	switch {
	case ctx.Err() != nil:
		return exit(130)
	case err != nil && !(drained && errors.Is(err, context.Canceled)): // it may be told to end before it has begun
		return err
	}
	wl, err := standing(last, c, namespace, name, w.name, drained)
	switch {
	case err == nil:
		err = summarizeWork(cmd.ErrOrStderr(), wl, done)
	case drained: // the list may have been deleted
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), workerDid(done))
	}
	if err == nil && drained && !wl.Status.Phase().Over() {
		err = exit(143) // a Job replaces a pod that was told to go, unless it says that all is done
	}
	return err
}

// standing is a list as it stands in the end. What a worker gave back while the list goes on is counted a moment later, and its
// Blocks are gone then: that is waited for, as it would look lost before. If it does not happen while ctx lasts, how the list stands is
// not known.
func standing(ctx context.Context, c ctrl.Client, namespace, name, worker string, drained bool) (*v1alpha1.Worklist, error) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for drained {
		var blocks v1alpha1.BlockList
		err := c.List(ctx, &blocks, ctrl.InNamespace(namespace), ctrl.MatchingFields{"spec.worklist": name, "spec.worker": worker})
		if drained = err == nil && len(blocks.Items) > 0; drained {
			select {
			case <-look.C:
			case <-ctx.Done():
			}
		}
	}
	wl := &v1alpha1.Worklist{}
	if err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, wl); err != nil {
		return wl, fmt.Errorf("look how worklist %s stands: %w", name, err)
	}
	return wl, nil
}

// sharing is the work on a Worklist in Kubernetes: a tier on an upstream, and a worker on the tier.
type sharing struct {
	*workFlags
	cmd             *cobra.Command
	cluster         ctrl.Client
	namespace, list string
	command         []string
	template        *worker.Template
	up              *kube.Upstream
	log             *slog.Logger
}

// run goes on until the list is over, or drained. It tells how many items the worker has done.
func (s *sharing) run(ctx context.Context, drain <-chan struct{}) (int64, error) {
	begin, cancel := until(ctx, drain)
	defer cancel()
	defer context.AfterFunc(begin, s.up.Leave)()
	wl, err := s.up.Get(begin, s.list)
	if err != nil {
		return 0, err
	}
	source, err := kubeSource(begin, s.cluster, s.namespace, wl)
	if err != nil {
		return 0, err
	}
	if os.Getpid() == 1 { // alone in its container
		lost, err := kube.Recover(begin, s.cluster, s.namespace, s.list)
		if lost > 0 {
			s.log.Warn("a former process in this pod was lost, and what it had in hand counts as failed", "blocks", lost)
		}
		if err != nil {
			s.log.Warn("not all that a former process in this pod had could be turned in; it will expire", "error", err)
		}
	}
	tier, err := server.NewTier(begin, server.TierOptions{Upstream: s.up, List: s.list, Name: s.name, OnDemand: true, Log: s.log})
	if err != nil {
		return 0, err
	}
	defer func() {
		s.up.Leave()
		last, cancel := farewell(ctx)
		defer cancel()
		if err := tier.Close(last); err != nil {
			s.log.Warn("not all could be given back; the cluster will take it", "error", err)
		}
	}()
	local := client.New("http://in.process", tier.Token())
	local.HTTP.Transport = inProcess{tier.Handler()}
	rs := s.newRunners(local, s.cmd, s.template)
	if err := rs.openJoblog(); err != nil {
		return 0, err
	}
	defer rs.joblog.Close()
	if _, err := rs.add(wl, source); err != nil {
		return 0, err
	}
	err = s.do(ctx, drain, rs, s.list, s.identity(s.command), s.log)
	return rs.done.Load(), err
}

// until is a context that also ends when a drain is closed.
func until(ctx context.Context, drain <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-drain:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// kubeSource are the items of a list, with the ConfigMaps and the files they are in.
func kubeSource(ctx context.Context, c ctrl.Reader, namespace string, wl *v1alpha1.Worklist) (items.Source, error) {
	if wl.Spec.Items == nil {
		return nil, nil
	}
	files := lineFiles{}
	source, fingerprint, err := wl.Spec.Source(kube.OpenLines(ctx, c, namespace, func(l items.LinesSpec) (*items.Lines, error) { return files.open(ctx, l) }))
	if err != nil {
		return nil, fmt.Errorf("worklist %s: %w", wl.Name, err)
	}
	if f := wl.Status.Fingerprint; f != "" && f != fingerprint {
		return nil, fmt.Errorf("worklist %s: the items are not what they were when it was begun: put them back as they were, or make a new list", wl.Name)
	}
	if source.Len() != wl.Spec.Size {
		return nil, fmt.Errorf("worklist %s: there are %d items now, and %d when the list was made: put them back as they were, or make a new list", wl.Name, source.Len(), wl.Spec.Size)
	}
	return source, nil
}

// kubeWorkerName is the pod's name in a pod, and says who and where elsewhere.
func kubeWorkerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	if _, err := os.Stat("/var/run/secrets/kubernetes.io/serviceaccount/token"); err == nil {
		return cmp.Or(os.Getenv("TEAMTASK_WORKER"), host) // a Job may give a pod another host name
	}
	who := "worker"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	return fmt.Sprintf("%.100s@%.100s-%d", who, host, os.Getpid())
}

// summarizeWork says how a list stands, and what this worker did.
func summarizeWork(out io.Writer, wl *v1alpha1.Worklist, did int64) error {
	s := &wl.Status
	_, err := fmt.Fprintf(out, "%s: %s, %s done, %s failed; %s\n", wl.Name, s.Phase(), text.Count(s.Done), text.Count(s.Failed), workerDid(did))
	return err
}

func workerDid(items int64) string { return "this worker did " + text.Number(items, "item", "items") }
