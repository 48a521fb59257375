package ozymandias

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/podman"
)

// A wanted job is one that is to run.
type wanted struct {
	name      string
	instances int // of a daemon job: 0
	version   int
	// more is what else the file says of the job, and of its container.
	more, container string
	volume, ingress bool
}

// file is what `ozymandias apply` takes.
func (j *wanted) file(id string) []byte {
	count := fmt.Sprintf("numInstances: %d\nupdate: {min_healthy: 100ms}", j.instances)
	if j.instances == 0 {
		count = "daemon: true\nupdate: {min_healthy: 100ms, max_unavailable: 3}" // on all nodes at once
	}
	return fmt.Appendf(nil, `name: %s
%s
%s
containers:
  main:
    image: %s
    memory: 16M
    stop_grace_period: 2
    environment: {%s: %s, VERSION: "%d", DEAF: "%s"}
%s
`, j.name, count, j.more, guest, mark, id, j.version, map[bool]string{true: "1"}[j.name == "deaf"], j.container)
}

// ids are those of the instances that are to run on these nodes.
func (j *wanted) ids(nodes []*node) (ids []string) {
	for i := range j.instances {
		ids = append(ids, strconv.Itoa(i))
	}
	if j.instances == 0 {
		for _, n := range nodes {
			ids = append(ids, n.name)
		}
	}
	return ids
}

// The jobs: one that the world asks for, one that listens to no SIGTERM and has volumes, one on each node, and one that goes on when its
// node is cut off.
func newJobs() []*wanted {
	return []*wanted{
		{name: "web", instances: 3, ingress: true, more: "ingress: {host: web.example, container: main, port: 8080}", container: `    healthcheck: {type: http, port: 8080, interval: 1, timeout: 5, unhealthy_threshold: 5}`},
		{name: "deaf", instances: 2, volume: true, container: `    volumes: [{type: local, path: /data, space: 4M}]`},
		{name: "each"},
		{name: "kept", instances: 1, more: "on_partition: keep"},
	}
}

// begin has jobs be wanted, and waits until they run.
func (c *cluster) begin(jobs []*wanted) {
	c.Helper()
	for _, j := range jobs {
		c.jobs = append(c.jobs, j)
		if err := c.apply(j); err != nil {
			c.Fatal(err)
		}
	}
	c.settled(c.nodes)
}

// apply has a job be taken in.
func (c *cluster) apply(j *wanted) error {
	return c.tell("apply "+j.name, func(ctx context.Context, node *client.Client) error {
		_, err := node.Apply(ctx, j.name+".yaml", j.file(c.id), client.Room{Wait: true})
		return err
	})
}

// tell tells something to one node after the other, until one does it.
func (c *cluster) tell(what string, do func(context.Context, *client.Client) error) (err error) {
	nodes := rand.Perm(len(c.nodes))
	for began := time.Now(); time.Since(began) < patience; {
		for _, i := range nodes {
			ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
			err = do(ctx, c.nodes[i].client)
			if done(); err == nil {
				return nil
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// runs says what is amiss with what runs, if all is to run on these nodes. Of jobs that stay there may be instances on other nodes as well.
func (c *cluster) runs(nodes []*node, stay ...string) func([]process) string {
	return func(there []process) string {
		count := map[string]int{}
		for _, p := range there {
			here := slices.ContainsFunc(nodes, func(n *node) bool { return n.name == p.Node })
			if !here && slices.Contains(stay, p.Job) || c.witness.free(p.Node) {
				continue
			}
			count[p.instance()]++
			if !here {
				return p.String() + " runs where nothing is to"
			}
			i := slices.IndexFunc(c.jobs, func(j *wanted) bool { return j.name == p.Job })
			if i < 0 {
				return p.String() + " is of a job that is not"
			}
			if p.Version != strconv.Itoa(c.jobs[i].version) {
				return fmt.Sprintf("%s is not of version %d", p, c.jobs[i].version)
			}
		}
		for _, j := range c.jobs {
			for _, id := range j.ids(nodes) {
				instance := j.name + "-" + id
				if count[instance] != 1 {
					return fmt.Sprintf("%s runs %d times", instance, count[instance])
				}
				delete(count, instance)
			}
		}
		for instance, times := range count {
			return fmt.Sprintf("%s runs %d times, and is not wanted", instance, times)
		}
		return ""
	}
}

// settled waits until all that is wanted runs on these nodes and answers, and nothing else is on them. Of jobs that stay there may be
// instances on other nodes as well.
func (c *cluster) settled(nodes []*node, stay ...string) {
	c.Helper()
	c.witness.until("all runs", c.runs(nodes, stay...))
	c.until("all answers everywhere, and nothing else is there", func() error {
		faults := make([]error, len(nodes))
		var asked sync.WaitGroup
		for i, n := range nodes {
			asked.Go(func() { faults[i] = errors.Join(n.answers(), n.tidy()) })
		}
		asked.Wait()
		return errors.Join(faults...)
	})
	// What else was to be seen may have taken some of it away.
	c.witness.until("all still runs", c.runs(nodes, stay...))
}

// answers asks for all that is wanted: through the ingress, and by names from within an instance.
func (n *node) answers() error {
	here := n.witness.on(n.name)
	if len(here) == 0 {
		return fmt.Errorf("nothing runs on %s", n.name)
	}
	for _, j := range n.jobs {
		if j.ingress {
			if status, err := n.ask(j.name + ".example"); err != nil || status != 200 {
				return fmt.Errorf("the ingress of %s answers %d, %v", n.name, status, err)
			}
		}
		var want []string
		for _, id := range j.ids(n.nodes) {
			want = append(want, j.name+"-"+id)
		}
		got, err := n.lookup(here[0], j.name)
		if err != nil {
			return err
		}
		if slices.Sort(want); j.instances > 0 && !slices.Equal(got, want) {
			return fmt.Errorf("at the addresses of %s there are %s, not %s", j.name, got, want)
		}
	}
	return nil
}

// lookup asks, from where an instance is, all that is called by a name.
func (n *node) lookup(from process, name string) ([]string, error) {
	file, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/etc/resolv.conf", from.pid))
	if err != nil {
		return nil, err
	}
	_, nameserver, _ := strings.Cut(string(file), "nameserver ")
	nameserver, _, _ = strings.Cut(nameserver, "\n")
	return within(from, filepath.Join(bin, "guest"), "ask", nameserver, name+".ozymandias.internal.")
}

// tidy says what is on the machine that is of no instance: pods, volumes, interfaces.
func (n *node) tidy() error {
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()
	var want, disks []string
	for _, p := range n.witness.on(n.name) {
		want = append(want, fmt.Sprintf("%s_%s_%d Running", p.Job, p.ID, p.Epoch))
		if slices.ContainsFunc(n.jobs, func(j *wanted) bool { return j.name == p.Job && j.volume }) {
			disks = append(disks, p.instance())
		}
	}
	podmans := podman.Connect(n.podman().Socket())
	defer podmans.Close()
	pods, err := podmans.Pods(ctx, nil)
	if err != nil {
		return err
	}
	var got []string
	for _, pod := range pods {
		got = append(got, pod.Name+" "+pod.Status)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("podman of %s has pods %s, and %s run", n.name, got, want)
	}
	there, err := filepath.Glob(n.data() + "/volumes/*/disk")
	if err != nil {
		return err
	}
	if len(there) != len(disks) {
		return fmt.Errorf("%s has volumes %s for %s", n.name, there, disks)
	}
	if points := mounted(n.data() + "/volumes/"); len(points) != len(disks) {
		return fmt.Errorf("%s has volumes mounted at %s for %s", n.name, points, disks)
	}
	pairs, err := n.pairs()
	if err != nil {
		return err
	}
	if len(pairs) != len(want)+1 { // and the machine's own
		return fmt.Errorf("%s has interfaces %s for %s", n.name, pairs, want)
	}
	return nil
}
