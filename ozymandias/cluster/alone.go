package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// When the majority of etcd's members is gone for good, one that is left can be told to go on alone ([Options.ForceNewCluster]). Everything
// depends on that being so: from members that are only cut off there would be two clusters with the same names and the same volumes.
//
// What this member has may lack the last that was written, and others may have read it. So all that counts up and is relied on goes on far
// beyond: the versions of decisions, and with them epochs, and etcd's revisions, or a watch that is ahead of them would hear nothing for a
// while and miss what happens meanwhile. No lease of a node is taken over, so whatever ran is placed anew.

// notForced says why etcd is not made to go on alone.
func notForced(format string, args ...any) error {
	return fmt.Errorf("--force-new-cluster is %w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// goOnAlone makes this node's member of etcd the only one, if it is told to and that was not done yet.
func (c *Cluster) goOnAlone(ctx context.Context) error {
	switch told := c.options.ForceNewCluster; {
	case !told && c.self.Forced:
		c.self.Forced = false // when it is said again, it is meant
		return c.dir.putSelf(c.self)
	case !told:
		return nil
	case c.self.Forced:
		c.log.Warn("--force-new-cluster was done at an earlier start and is ignored: leave it out")
		return nil
	case c.self.External:
		return notForced("this cluster has its records in an etcd of your own: see its manual on disaster recovery")
	case !c.self.Member:
		return notForced("node %s has no member of etcd: say it on one that has, of those at %v", c.node.Name, c.self.Endpoints)
	case !hasMember(c.dir.etcd()):
		return nil // connect says what to do
	case len(c.self.Endpoints) < 2:
		return notForced("etcd has no other member than the one of this node, which waits for nobody: leave it out")
	}
	if err := c.makeAlone(ctx); err != nil {
		return err
	}
	return c.settle()
}

// makeAlone makes a member that goes on alone from a copy of this node's.
func (c *Cluster) makeAlone(ctx context.Context) error {
	if err := c.dir.copyEtcd(); err != nil {
		return errors.Join(fmt.Errorf("copy the data of etcd: %w", err), os.RemoveAll(c.dir.etcdNew()))
	}
	cfg := c.configureEtcd(nil)
	cfg.ForceNewCluster = true
	return c.aside(ctx, cfg, c.recover)
}

// recover has the records go on alone, when it is certain that nobody else does.
func (c *Cluster) recover(ctx context.Context, client *clientv3.Client) (revision int64, err error) {
	r, err := read(ctx, client)
	if err != nil {
		return 0, err
	}
	if err := c.belongs(r); err != nil {
		return 0, err
	}
	if err := c.outwait(ctx, r); err != nil {
		return 0, err
	}
	return goOn(ctx, client, "the cluster goes on with what "+c.node.Name+" has of its records, as most members of etcd are gone")
}

// outwait asks all other nodes, for as long as a lease may last that the majority has given or renewed while it was there: then nothing runs
// any more by what was decided and is not in these records.
func (c *Cluster) outwait(ctx context.Context, r records) error {
	own := []string{c.node.clientURL()}
	if known, there := r.node(c.node.Name); there {
		own = append(own, known.clientURL()) // before its address changed
	}
	isOwn := func(endpoint string) bool { return slices.Contains(own, endpoint) }
	voters := slices.DeleteFunc(slices.Clone(c.self.Endpoints), isOwn)
	names := map[string]string{}
	for _, endpoint := range voters {
		names[endpoint] = endpoint
	}
	for _, n := range r.nodes {
		if endpoint := n.clientURL(); !isOwn(endpoint) {
			names[endpoint] = n.Name
		}
	}
	endpoints := slices.Sorted(maps.Keys(names))
	client, err := dial(endpoints, c.identity.Client(), c.log)
	if err != nil {
		return err
	}
	defer client.Close()
	left := remains{voters: len(c.self.Endpoints), votes: len(c.self.Endpoints) - len(voters), revision: r.revision}
	c.log.Warn("looking for other members of etcd, and waiting until the leases of all nodes have ended", "for", c.seen.silence)
	return left.outwait(ctx, c.seen.silence, func() (others []other) {
		for i, answer := range statuses(ctx, client, endpoints) {
			if answer != nil {
				others = append(others, other{node: names[endpoints[i]], votes: slices.Contains(voters, endpoints[i]),
					leader: answer.Leader != 0, revision: answer.Header.Revision})
			}
		}
		return others
	})
}

// enough is after how many questions without an answer nobody is there. One would not do: for a machine that stood still meanwhile, as a
// virtual one may, both the time to answer and all the time to wait are over at once.
const enough = 3

// outwait asks the others for at least that long.
func (m remains) outwait(ctx context.Context, silence time.Duration, ask func() []other) error {
	began := time.Now()
	for asked := 1; ; asked++ {
		if why := m.mayNotGoOn(ask()); why != nil {
			return why
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askAgain):
		}
		if asked >= enough && time.Since(began) >= silence {
			return nil
		}
	}
}

// remains are what a member knows of when it is to go on alone.
type remains struct {
	voters   int   // there were, this one or not
	votes    int   // of this one: 1, or 0 for a learner
	revision int64 // the last one that it has
}

// other is a member that answers.
type other struct {
	node     string
	votes    bool // it is one of the voters
	leader   bool // it knows of one, so there is a majority
	revision int64
}

// mayNotGoOn says why a member may not go on without the others; nil if it may.
func (m remains) mayNotGoOn(others []other) error {
	votes := m.votes
	for _, o := range others {
		if o.leader {
			return notForced("etcd works, as %s says: leave it out", o.node)
		}
		if o.votes {
			votes++
		}
	}
	if votes > m.voters/2 {
		return notForced("%d of etcd's %d members are left, this one and those that answer, which is enough: leave it out, and see that they reach each other", votes, m.voters)
	}
	for _, o := range others {
		if o.revision > m.revision {
			return notForced("%s has later data (revision %d) than this node (%d): say it there", o.node, o.revision, m.revision)
		}
	}
	return nil
}
