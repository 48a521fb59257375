package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/network"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/volumes"
	"teamtask.dev/ozymandias/work"
)

func runNode(cmd *cobra.Command, o *options) error {
	s, err := o.check()
	if err != nil {
		return err
	}
	log, err := o.log.Logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if s.address, err = s.awaitAddress(ctx, log); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(s.dataDir, 0o700), os.MkdirAll(s.runDir, 0o711)); err != nil {
		return fmt.Errorf("make the node's directories: %w", err)
	}
	if s.dataDir, err = filepath.Abs(s.dataDir); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	if s.runDir, err = filepath.Abs(s.runDir); err != nil {
		return fmt.Errorf("--run-dir: %w", err)
	}
	if err := unserved(client.Socket(s.runDir)); err != nil { // before anything of the machine's is touched
		return err
	}
	leave := func() bool { return errors.Is(context.Cause(ctx), cmdline.ErrInterrupt) }
	c, err := cluster.Open(ctx, cluster.Options{Name: s.name, Data: s.dataDir, Address: s.address, Join: s.join, Token: s.token,
		External: s.external(), Restore: s.restore, ForceNewCluster: s.forceNewCluster, Log: log.With("part", "cluster")})
	if err == nil {
		err = errors.Join(runCluster(ctx, c, s, leave, log, cmd.OutOrStdout()), c.Close())
	}
	if errors.Is(err, cluster.ErrForgotten) {
		err = errors.Join(err, endForgotten(ctx, groupOf(s.name, s.dataDir), log))
	}
	return err
}

// endForgotten ends what runs on a node that was deleted, which nothing else would end: instances that go on without a lease run elsewhere by now,
// too.
func endForgotten(ctx context.Context, own string, log *slog.Logger) error {
	group, err := cgroup.Find(own)
	if err != nil {
		return err
	}
	if running, err := group.Processes(); err != nil || len(running) == 0 {
		return err
	}
	log.Warn("what still runs here is ended, as this node was deleted from the cluster")
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer done()
	return endAll(ctx, func() {}, group)
}

// refuseStorage refuses the label that a node gives itself: volumes are looked for where it says.
func refuseStorage(labels map[string]string) error {
	if value, given := labels[schedule.StorageLabel]; given {
		return fmt.Errorf("--label %s=%s: this label a node gives itself, by its --shared-storage DIRECTORY: call yours something else", schedule.StorageLabel, value)
	}
	return nil
}

// runCluster runs what is of the cluster for as long as the node needs it, which is a little longer than it is told to run.
func runCluster(ctx context.Context, c *cluster.Cluster, s settings, leave func() bool, log *slog.Logger, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 1)
	go func() {
		err := c.Run(longer)
		cancel(err)
		ended <- err
	}()
	if err := greet(ctx, c, s, out); err != nil {
		log.Warn("cannot say how other machines join", "error", err)
	}
	err := runParts(ctx, c, s, leave, log)
	end()
	return errors.Join(unlessTold(ctx, err), unlessTold(longer, <-ended))
}

// greet says how other machines join, once.
func greet(ctx context.Context, c *cluster.Cluster, s settings, out io.Writer) error {
	if !c.Founded() {
		return nil
	}
	way := "ozymandias node --join " + s.address.String()
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		token, err := c.Token(ctx)
		if err != nil {
			return err
		}
		way = joinTokenVariable + "=" + token + " " + way
	} else { // in a log a token would stay
		way += " --token-file FILE    # with what `ozymandias token join` prints here"
	}
	_, err := fmt.Fprintf(out, "This machine, %s, is the first node of a new cluster. On each other machine, as root:\n  %s\n", s.name, way)
	return err
}

// A span is the time of what runs as parts of a node. Those end one after the other: a node that leaves stops its instances first, and has all
// that these need until they have ended. One that is only to be started anew keeps its lease until nobody is being served any more: from
// then on it has but the time that is left of the lease to come back.
type span struct {
	*errgroup.Group
	served  context.Context // whoever is let in, and decisions
	kept    context.Context // the node itself
	needed  context.Context // what it needs: the state, the network, names
	serving sync.WaitGroup
	keeping sync.WaitGroup
}

// serve runs something that lets in others.
func (s *span) serve(do func(context.Context) error) {
	s.serving.Add(1)
	s.Go(func() error {
		defer s.serving.Done()
		return do(s.served)
	})
}

// keep runs the node.
func (s *span) keep(do func(context.Context) error) {
	s.keeping.Add(1)
	s.Go(func() error {
		defer s.keeping.Done()
		return do(s.kept)
	})
}

// runParts runs the parts of a node until ctx ends or one of them fails.
func runParts(ctx context.Context, c *cluster.Cluster, s settings, leave func() bool, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts span
	var endNode, endAll context.CancelFunc
	parts.Group, parts.served = errgroup.WithContext(ctx)
	parts.needed, endAll = context.WithCancel(context.WithoutCancel(ctx))
	defer endAll()
	parts.kept, endNode = context.WithCancel(parts.needed)
	defer endNode()
	err := startParts(&parts, c, s, leave, log)
	if err != nil {
		cancel()
	}
	<-parts.served.Done()
	if !leave() {
		parts.serving.Wait()
	}
	endNode()
	parts.keeping.Wait()
	endAll()
	return errors.Join(err, unlessTold(parts.served, parts.Wait()))
}

// startParts starts them.
func startParts(parts *span, c *cluster.Cluster, s settings, leave func() bool, log *slog.Logger) error {
	ctx := parts.served
	part := func(name string) *slog.Logger { return log.With("part", name) }
	store := state.New(c.Client(), state.DefaultPrefix)
	mirror, err := store.NewMirror(ctx)
	if err != nil {
		return err
	}
	parts.Go(func() error { return mirror.Run(parts.needed) })

	etcd := program.Etcd(c.Etcd())
	_, alone := program.Flannel.Find()
	if alone != nil {
		log.Warn("this node stays alone: other nodes cannot join as long as pods of different machines cannot reach each other", "error", alone)
	}
	pods, err := network.Start(ctx, network.Options{Pods: s.pods, Single: alone != nil, Address: s.address, Client: c.Client(), Etcd: etcd,
		Dir: filepath.Join(s.dataDir, "network"), Log: part("network")})
	if err != nil {
		return err
	}
	parts.Go(func() error {
		defer pods.Close()
		return reach(parts.needed, c, pods)
	})

	vault, err := s.vaultOptions(c)
	if err != nil {
		return err
	}
	keeper, err := secrets.Open(c.Client(), state.DefaultPrefix, c.Key(), vault)
	if err != nil {
		return err
	}
	id := c.Authority().Hash()
	disks, err := volumes.Open(ctx, volumes.Options{Dir: filepath.Join(s.dataDir, "volumes"), Shared: s.shared, Cluster: hex.EncodeToString(id[:])})
	if err != nil {
		return err
	}
	machine := podman.Options{Dir: filepath.Join(s.dataDir, "podman"), Run: filepath.Join(s.runDir, "podman")}
	apiOf := func(name string) (string, error) {
		machine, known := mirror.Machines()[name]
		if !known {
			return "", fmt.Errorf("there is no node %s", name)
		}
		return net.JoinHostPort(machine.Address, strconv.Itoa(api.DefaultPort)), nil
	}
	pictures := images.New(images.Options{Podman: podman.Connect(machine.Socket()), Etcd: c.Client(), Prefix: state.DefaultPrefix, Node: s.name,
		Fetch: api.Fetch(c.Dial(), apiOf), Log: part("images")})
	nameserver := pods.Nameserver()
	if _, err := program.CoreDNS.Find(); err != nil {
		log.Warn("containers cannot find each other by name", "error", err)
		nameserver = netip.Addr{}
	} else {
		parts.Go(func() error {
			return serveNames(parts.needed, c, nameserver, filepath.Join(s.runDir, "names"), part("names"))
		})
	}
	acme, err := s.acme(c, keeper)
	if err != nil {
		return err
	}
	door := ingress.New(ingress.Options{HTTP: s.http, HTTPS: s.https, Secret: keeper.Get, ACME: acme, Grace: within, Log: part("ingress")})
	own := groupOf(s.name, s.dataDir)
	n, err := node.New(node.Options{Name: s.name, Address: s.address.String(), Labels: s.labels, Dir: s.dataDir, Run: s.runDir, Cgroup: own,
		Capacity: placement.Resources{Memory: int64(s.memory), Disk: int64(s.disk), CPU: int64(s.cpus)}, Leave: leave,
		Etcd: c.Client(), Store: store, Mirror: mirror, Admitted: c.Admitted, Podman: machine, Network: pods.Podman(), Check: pods.Check, Nameserver: nameserver, Taken: s.taken(),
		Ingress:  door.Problems,
		Watchdog: watchdogFor(node.WatchdogSocket(s.runDir), node.StopGroup(own)),
		Volumes:  disks, KeepVolumes: s.keepVolumes, Images: pictures, Secrets: keeper, Names: names.NewPublisher(c.Client(), part("names")), Log: log})
	if err != nil {
		return err
	}
	// Before the node lets in anything for jobs: one of them may want a port of these, and only that job is to go without.
	ears, err := listenAPI(s)
	if err != nil {
		return err
	}
	parts.keep(func(ctx context.Context) error {
		err := n.Run(ctx)
		if err == nil && leave() { // nothing runs any more that has volumes
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
			defer cancel()
			err = disks.Close(last)
		}
		return err
	})

	decider := &scheduler.Scheduler{Node: s.name, Store: store, Mirror: mirror, Log: part("scheduler")}
	parts.Go(func() error { return decider.Run(ctx) })
	follower := &work.Follower{Node: s.name, Store: store, Mirror: mirror, Secret: keeper.Resolve, Log: part("work")}
	parts.Go(func() error { return follower.Run(ctx) })

	parts.serve(door.Run)
	parts.Go(func() error { return route(ctx, mirror, door) })

	admit := c.Admit
	if alone != nil {
		admit = func(context.Context, cluster.JoinRequest) (cluster.Welcome, error) {
			return cluster.Welcome{}, fmt.Errorf("node %s cannot reach pods of other machines: %w", s.name, alone)
		}
	}
	doors, err := api.New(api.Options{Node: s.name, Mirror: mirror, Store: store, Scheduler: decider, Etcd: c.Client(), Prefix: state.DefaultPrefix,
		Podman: n.Podman(), Container: n.Container, Logs: n.Logs(), Peers: c.Dial(), Collectors: []prometheus.Collector{door}, Images: pictures, Secrets: keeper,
		Admit: admit, JoinToken: c.Token, NewJoinToken: c.NewToken, Forget: c.Forget, Nodes: c.Nodes, Authority: c.Authority(), IngressPorts: s.taken()})
	if err != nil {
		ears.close()
		return err
	}
	parts.serve(func(ctx context.Context) error {
		defer doors.Close()
		return serveAPI(ctx, doors, ears, c.Server(), log)
	})
	return nil
}

// settle is how long news of the state are let gather before the ingress goes by them.
const settle = 50 * time.Millisecond

// route has the ingress go by the state.
func route(ctx context.Context, mirror *state.Mirror, door *ingress.Server) error {
	for {
		now, _, changed := mirror.State()
		door.SetTable(routes.Of(now))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		select { // what follows from one change often comes as several
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settle):
		}
	}
}

// reach tells the network where etcd is.
func reach(ctx context.Context, c *cluster.Cluster, pods *network.Network) error {
	for changed := c.Changed(); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		changed = c.Changed()
		pods.Reach(program.Etcd(c.Etcd()))
	}
}

// serveNames has CoreDNS serve names where the pods ask. It is started anew when etcd is elsewhere.
func serveNames(ctx context.Context, c *cluster.Cluster, listen netip.Addr, dir string, log *slog.Logger) error {
	for ctx.Err() == nil {
		changed := c.Changed()
		round, cancel := context.WithCancel(ctx)
		go func() {
			defer cancel()
			select {
			case <-changed:
			case <-round.Done():
			}
		}()
		err := names.Serve(round, names.Options{Listen: listen, Etcd: program.Etcd(c.Etcd()), Client: c.Client(), Dir: dir, Log: log})
		cancel()
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return ctx.Err()
}

// taken are the ports that the ingress listens on.
func (s *settings) taken() (ports []uint16) {
	for _, address := range []string{s.http, s.https} {
		_, port, _ := net.SplitHostPort(address) // it was checked
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}

func (s *settings) external() *cluster.External {
	if len(s.etcd.Endpoints) == 0 {
		return nil
	}
	return &s.etcd
}

func (s *settings) vaultOptions(c *cluster.Cluster) (secrets.VaultOptions, error) {
	v := s.vault
	v.Certificate = c.Dial().GetClientCertificate
	var err error
	v.CA, err = pool("--vault-cacert", s.vaultCA)
	return v, err
}

func (s *settings) acme(c *cluster.Cluster, keeper *secrets.Store) (*ingress.ACME, error) {
	if s.acmeEmail == "" {
		return nil, nil
	}
	roots, err := pool("--acme-cacert", s.acmeCA)
	return &ingress.ACME{Email: s.acmeEmail, Directory: s.acmeDirectory, Roots: roots, Etcd: c.Client(),
		Encrypt: keeper.Encrypt, Decrypt: keeper.Decrypt}, err
}

// pool reads certificates of authorities; nil, which means the machine's, if there is no file.
func pool(flag, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s %s: there is no certificate in it (PEM)", flag, file)
	}
	return p, nil
}

// unlessTold is an error, but for the one that only says that it was time to end.
func unlessTold(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
