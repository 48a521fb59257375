package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"teamtask.dev/await"
	"teamtask.dev/ozymandias/api"
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
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/volumes"
	"teamtask.dev/ozymandias/work"
)

// parts are those of a node.
type parts struct {
	span
	cluster  *cluster.Cluster
	settings settings
	leave    func() bool
	log      *slog.Logger

	// What they have of each other, from when it is started.
	store     *state.Store
	mirror    *state.Mirror
	alone     error // why pods of other machines cannot be reached
	pods      *network.Network
	names     netip.Addr // where pods ask for them, if anywhere
	podman    podman.Options
	secrets   *secrets.Store
	volumes   *volumes.Store
	images    *images.Store
	ingress   *ingress.Server
	node      *node.Node
	ears      ears
	scheduler *scheduler.Scheduler
}

// run runs them until ctx ends or one of them fails.
func (p *parts) run(ctx context.Context) error {
	return p.span.run(ctx, func() error {
		for _, start := range []func() error{p.follow, p.connect, p.open, p.startNode, p.decide, p.letIn} {
			if err := start(); err != nil {
				return err
			}
		}
		return nil
	}, p.leave)
}

// part is the log of one.
func (p *parts) part(name string) *slog.Logger { return p.log.With("part", name) }

// follow follows the state.
func (p *parts) follow() (err error) {
	p.store = state.New(p.cluster.Client())
	if p.mirror, err = p.store.NewMirror(p.served); err != nil {
		return err
	}
	p.Go(func() error { return p.mirror.Run(p.needed) })
	return nil
}

// connect connects pods with each other, by address and by name.
func (p *parts) connect() (err error) {
	s, c := p.settings, p.cluster
	if _, p.alone = program.Flannel.Find(); p.alone != nil {
		p.log.Warn("this node stays alone: other nodes cannot join as long as pods of different machines cannot reach each other", "error", p.alone)
	}
	p.pods, err = network.Start(p.served, network.Options{Pods: s.pods, Single: p.alone != nil, Address: s.address, Client: c.Client(), Etcd: c.Etcd(),
		Dir: filepath.Join(s.dataDir, "network"), Log: p.part("network")})
	if err != nil {
		return err
	}
	p.Go(func() error {
		defer p.pods.Close()
		return reach(p.needed, c, p.pods)
	})
	if _, err := program.CoreDNS.Find(); err != nil {
		p.log.Warn("containers cannot find each other by name", "error", err)
		return nil
	}
	p.names = p.pods.Nameserver()
	p.Go(func() error {
		return serveNames(p.needed, c, p.names, filepath.Join(s.runDir, "names"), p.part("names"))
	})
	return nil
}

// open opens what instances are given: secrets, volumes and images, and a way in.
func (p *parts) open() error {
	s, c := p.settings, p.cluster
	vault, err := s.vaultOptions(c)
	if err != nil {
		return err
	}
	if p.secrets, err = secrets.Open(c.Client(), c.Key(), vault); err != nil {
		return err
	}
	id := c.Authority().Hash()
	// The server of a shared storage may be away: then this hangs, and is left to itself when the node is to end.
	p.volumes, err = await.Do(p.served, func() (*volumes.Store, error) {
		return volumes.Open(p.served, volumes.Options{Dir: filepath.Join(s.dataDir, "volumes"), Shared: s.shared, Cluster: hex.EncodeToString(id[:])})
	})
	if err != nil {
		return err
	}
	p.podman = podman.Options{Dir: filepath.Join(s.dataDir, "podman"), Run: filepath.Join(s.runDir, "podman")}
	p.images = images.New(images.Options{Podman: podman.Connect(p.podman.Socket()), Etcd: c.Client(), Node: s.name,
		Fetch: api.Fetch(c.Dial(), p.apiOf), Log: p.part("images")})
	acme, err := s.acme(c, p.secrets)
	if err != nil {
		return err
	}
	p.ingress = ingress.New(ingress.Options{HTTP: s.http, HTTPS: s.https, Secret: p.secrets.Get, ACME: acme, Grace: endWithin, Log: p.part("ingress")})
	return nil
}

// apiOf is where the API of another node is asked.
func (p *parts) apiOf(name string) (string, error) {
	machine, known := p.mirror.Machines()[name]
	if !known {
		return "", fmt.Errorf("there is no node %s", name)
	}
	return net.JoinHostPort(machine.Address, strconv.Itoa(api.DefaultPort)), nil
}

// startNode starts what carries out the plan.
func (p *parts) startNode() (err error) {
	s, c := p.settings, p.cluster
	own := groupOf(s.name, s.dataDir)
	p.node, err = node.New(node.Options{Name: s.name, Address: s.address.String(), Labels: s.labels, Dir: s.dataDir, Run: s.runDir, Cgroup: own,
		Capacity: placement.Resources{Memory: int64(s.memory), Disk: int64(s.disk), CPU: int64(s.cpus)}, Leave: p.leave,
		Etcd: c.Client(), Store: p.store, Mirror: p.mirror, Admitted: c.Admitted, Podman: p.podman, Network: p.pods.Podman(), Check: p.pods.Check, Nameserver: p.names, Taken: s.taken(),
		Ingress:  p.ingress.Problems,
		Watchdog: watchdogFor(node.WatchdogSocket(s.runDir), node.StopGroup(own)),
		Volumes:  p.volumes, KeepVolumes: s.keepVolumes, Images: p.images, Secrets: p.secrets, Names: names.NewPublisher(c.Client(), p.part("names")), Log: p.log})
	if err != nil {
		return err
	}
	// Before the node lets in anything for jobs: one of them may want a port of these, and only that job is to go without.
	if p.ears, err = listenAPI(s); err != nil {
		return err
	}
	p.keep(func(ctx context.Context) error {
		err := p.node.Run(ctx)
		if err == nil && p.leave() { // nothing runs any more that has volumes
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
			defer cancel()
			err = p.volumes.Close(last)
		}
		return err
	})
	return nil
}

// decide takes part in deciding what runs where.
func (p *parts) decide() error {
	p.scheduler = &scheduler.Scheduler{Node: p.settings.name, Store: p.store, Mirror: p.mirror, Log: p.part("scheduler")}
	p.Go(func() error { return p.scheduler.Run(p.served) })
	follower := &work.Follower{Node: p.settings.name, Store: p.store, Mirror: p.mirror, Secret: p.secrets.Resolve, Log: p.part("work")}
	p.Go(func() error { return follower.Run(p.served) })
	return nil
}

// letIn lets in who asks for what runs, or for the API.
func (p *parts) letIn() error {
	s, c := p.settings, p.cluster
	p.serve(p.ingress.Run)
	p.Go(func() error { return route(p.served, p.mirror, p.ingress) })

	var members api.Membership = c
	if p.alone != nil {
		members = hermit{c, fmt.Errorf("node %s cannot reach pods of other machines: %w", s.name, p.alone)}
	}
	doors, err := api.New(api.Options{Node: s.name, Mirror: p.mirror, Store: p.store, Scheduler: p.scheduler, Members: members, Etcd: c.Client(),
		Podman: p.node.Podman(), Container: p.node.Container, Logs: p.node.Logs(), Peers: c.Dial(), Collectors: []prometheus.Collector{p.ingress},
		Images: p.images, Secrets: p.secrets, Authority: c.Authority(), IngressPorts: s.taken()})
	if err != nil {
		p.ears.close()
		return err
	}
	p.serve(func(ctx context.Context) error {
		defer doors.Close()
		return serveAPI(ctx, doors, p.ears, c.Server(), p.log)
	})
	return nil
}

// hermit is the membership of a node that stays alone: it lets no other in.
type hermit struct {
	api.Membership
	why error
}

func (h hermit) Admit(context.Context, cluster.JoinRequest) (cluster.Welcome, error) {
	return cluster.Welcome{}, h.why
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
		pods.Reach(c.Etcd())
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
		err := names.Serve(round, names.Options{Listen: listen, Etcd: c.Etcd(), Client: c.Client(), Dir: dir, Log: log})
		cancel()
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return ctx.Err()
}
