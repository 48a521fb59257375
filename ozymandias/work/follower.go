package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A Follower follows what all jobs work on that say so, on the node whose turn it is. It writes down how many instances there is work for, and
// why that is not known.
type Follower struct {
	Node   string // that it runs on
	Store  *state.Store
	Mirror *state.Mirror
	// Secret is the value of a secret.
	Secret func(context.Context, job.Secret) ([]byte, error)
	Log    *slog.Logger
}

// following is one list, or swarm, that is followed.
type following struct {
	spec string // what it goes by, to notice that it is another
	end  func() // ends it and waits until it has ended
}

// Run follows lists and swarms until ctx ends, and returns its error.
func (f *Follower) Run(ctx context.Context) error {
	lists := map[string]following{} // and swarms, by the job's UID
	defer func() {
		for _, l := range lists {
			l.end()
		}
	}()
	for {
		now, _, changed := f.Mirror.State()
		wanted := map[string]schedule.Job{}
		ours := first(&now) == f.Node
		for _, j := range now.Jobs {
			if ours && j.Spec.Worklist+j.Spec.Swarm != "" && !j.Deleted && !j.Finished {
				wanted[j.UID] = j
			}
		}
		for uid, l := range lists {
			if j, still := wanted[uid]; !still || l.spec != j.Spec.Revision() {
				l.end()
				delete(lists, uid)
			}
		}
		for uid, j := range wanted {
			if _, already := lists[uid]; !already {
				lists[uid] = following{j.Spec.Revision(), start(ctx, func(ctx context.Context) { f.follow(ctx, uid, j.Spec) })}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// first is the first node that lives.
func first(s *schedule.State) string {
	for i := range s.Nodes {
		if s.Nodes[i].Alive() {
			return s.Nodes[i].Name
		}
	}
	return ""
}

// start runs do until the function that it returns is called, which waits for its end.
func start(ctx context.Context, do func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// follow follows one list until it has ended, or ctx has; or one swarm, which has no end.
func (f *Follower) follow(ctx context.Context, uid string, spec job.Job) {
	watch := f.watch
	if spec.Worklist == "" {
		watch = f.watchSwarm
	}
	said := func() string {
		now, _, _ := f.Mirror.State()
		if j := now.Job(uid); j != nil {
			return j.Trouble
		}
		return ""
	}
	retry(ctx, func(ctx context.Context) error { return watch(ctx, uid, spec) }, said, func(why string) {
		f.Log.Warn("what a job works on cannot be followed; it has as many instances as it had", "job", spec.Name, "error", why)
		if err := f.Store.Work(ctx, uid, state.Work{Trouble: why}); err != nil && ctx.Err() == nil {
			f.Log.Warn("cannot write down why", "job", spec.Name, "error", err)
		}
	})
}

// watch writes down what there is to do at each change, until the list has ended: then the error is nil.
func (f *Follower) watch(ctx context.Context, uid string, spec job.Job) error {
	c, err := f.client(ctx, spec)
	switch {
	case err != nil:
		return err
	case c == nil:
		return errors.New("none of the job's containers has TEAMTASK_SERVER in its environment, the URL of the List server")
	}
	defer c.Close()
	list, err := get(ctx, c, spec.Worklist)
	if err != nil {
		return err
	}
	var last state.Work
	now, _, _ := f.Mirror.State()
	if j := now.Job(uid); j != nil {
		last.Instances = j.Work
	}
	begun := false // what the mirror has may not be what was written last
	for status, err := range c.Watch(ctx, spec.Worklist) {
		if err != nil {
			return fmt.Errorf("follow worklist %s: %w", spec.Worklist, err)
		}
		if status.ObservedGeneration != list.Status.ObservedGeneration { // the size of its blocks may be another now
			if list, err = get(ctx, c, spec.Worklist); err != nil {
				return err
			}
		}
		list.Status = status
		n, over := Instances(list)
		next := state.Work{Instances: new(int(min(n, math.MaxInt32))), Finished: over, Trouble: trouble(list)}
		if !over && last.Instances != nil && *next.Instances < *last.Instances {
			if *next.Instances, err = f.spare(ctx, c, spec, *next.Instances, *last.Instances); err != nil {
				return err
			}
		}
		if !begun || !reflect.DeepEqual(next, last) {
			if err := f.Store.Work(ctx, uid, next); err != nil {
				return fmt.Errorf("write down what worklist %s has work for: %w", spec.Worklist, err)
			}
			last, begun = next, true
		}
		if over {
			return nil
		}
	}
	return errors.Join(ctx.Err(), fmt.Errorf("follow worklist %s: the List server has closed the connection", spec.Worklist))
}

// watchSwarm looks that there is the swarm of which a job is the pool, for as long as it is. Its instances are workers of it by themselves; where
// they find no server they try again, and only their logs tell.
func (f *Follower) watchSwarm(ctx context.Context, uid string, spec job.Job) error {
	c, err := f.client(ctx, spec)
	if err != nil {
		return err
	}
	if c == nil { // the swarm is in Kubernetes, say
		if err := f.Store.Work(ctx, uid, state.Work{}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	defer c.Close()
	found := false
	for _, err := range c.WatchSwarm(ctx, spec.Swarm) {
		switch {
		case client.IsNotFound(err):
			return fmt.Errorf("the List server at %s has no swarm %s", c.URL, spec.Swarm)
		case err != nil:
			return fmt.Errorf("follow swarm %s: %w", spec.Swarm, err)
		case !found:
			if err := f.Store.Work(ctx, uid, state.Work{}); err != nil {
				return fmt.Errorf("write down that there is swarm %s: %w", spec.Swarm, err)
			}
			found = true
		}
	}
	return errors.Join(ctx.Err(), fmt.Errorf("follow swarm %s: the List server has closed the connection", spec.Swarm))
}

func get(ctx context.Context, c *client.Client, name string) (*v1alpha1.Worklist, error) {
	list, err := c.Get(ctx, name)
	switch {
	case client.IsNotFound(err):
		return nil, fmt.Errorf("the List server at %s has no worklist %s", c.URL, name)
	case err != nil:
		return nil, fmt.Errorf("ask for worklist %s: %w", name, err)
	}
	return list, nil
}

// spare is how many of last instances there are to be when there is work for n: none with a block in hand is stopped because those
// before it have nothing left to do.
func (f *Follower) spare(ctx context.Context, c *client.Client, spec job.Job, n, last int) (int, error) {
	for block, err := range c.Blocks(ctx, spec.Worklist) {
		if err != nil {
			return 0, fmt.Errorf("ask for the blocks of worklist %s: %w", spec.Worklist, err)
		}
		if ordinal, ok := ordinal(spec.Name, block.Spec.Worker); ok && ordinal < last {
			n = max(n, ordinal+1)
		}
	}
	return n, nil
}

// client is one of the List server that the job's containers are told of; nil if they are told of none.
func (f *Follower) client(ctx context.Context, spec job.Job) (*client.Client, error) {
	server, err := f.variable(ctx, spec, "TEAMTASK_SERVER")
	if err != nil {
		return nil, err
	}
	if server == "" {
		return nil, nil
	}
	token, err := f.token(ctx, spec)
	if err != nil {
		return nil, err
	}
	c := client.New(server, token)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = f.dial
	c.HTTP = &http.Client{Transport: transport}
	return c, nil
}

// token is what the containers show to the List server, by their environment or by a file of theirs that is a secret.
func (f *Follower) token(ctx context.Context, spec job.Job) (string, error) {
	token, err := f.variable(ctx, spec, "TEAMTASK_TOKEN")
	if err != nil || token != "" {
		return token, err
	}
	file, err := f.variable(ctx, spec, "TEAMTASK_TOKEN_FILE")
	if err != nil || file == "" {
		return "", err
	}
	for _, c := range spec.Containers {
		for _, secret := range c.Secrets {
			if secret.File == file {
				value, err := f.Secret(ctx, secret)
				return strings.TrimSpace(string(value)), err
			}
		}
	}
	return "", fmt.Errorf("TEAMTASK_TOKEN_FILE is %s, which is none of the job's secrets", file)
}

// variable is the value that the first container by name to have it has in its environment; "" if none has.
func (f *Follower) variable(ctx context.Context, spec job.Job, name string) (string, error) {
	for _, container := range slices.Sorted(maps.Keys(spec.Containers)) {
		c := spec.Containers[container]
		if value, ok := c.Environment[name]; ok {
			return value, nil
		}
		for _, secret := range c.Secrets {
			if secret.Env == name {
				value, err := f.Secret(ctx, secret)
				return string(value), err
			}
		}
	}
	return "", nil
}

// dial connects to an address, whose host may be a name of a job or an instance: this machine need not ask the DNS of its pods.
func (f *Follower) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	name, ours := strings.CutSuffix(host, "."+names.Domain)
	if !ours {
		return d.DialContext(ctx, network, address)
	}
	now, _, _ := f.Mirror.State()
	found := addresses(&now, name)
	if len(found) == 0 {
		return nil, fmt.Errorf("no healthy instance of %s", name)
	}
	var errs []error
	for _, a := range found {
		connection, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return connection, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// addresses are where the healthy instances of a job are, or the one that is named as ID.JOB.
func addresses(s *schedule.State, name string) (found []netip.Addr) {
	id, jobName, one := strings.Cut(name, ".")
	if !one {
		jobName = name
	}
	for i := range s.Nodes {
		for instance, c := range s.Nodes[i].Report.Instances {
			j := s.Job(instance.Job)
			if j == nil || j.Spec.Name != jobName || !c.Healthy || one && instance.ID != id {
				continue
			}
			if a, err := netip.ParseAddr(c.Address); err == nil {
				found = append(found, a)
			}
		}
	}
	return found
}
