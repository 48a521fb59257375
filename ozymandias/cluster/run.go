package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/lease"
)

const (
	lookEvery = 2 * time.Second
	turnLasts = 10 * time.Second
	// A member that does not answer in this time is left for another, sooner than a lease would run out.
	membersAnswer = 2 * time.Second
)

// observed is what a node has seen of the cluster by its own clock.
type observed struct {
	patience
	nodes    int
	since    time.Time            // that there are so many
	learners map[uint64]time.Time // first seen
	revision int64                // etcd's, when it was last noted
	noted    time.Time
	files    time.Time // when etcd's were last looked at
	shrunk   time.Time // when this node's was last made smaller
}

// patience is how long something may be as it should not stay.
type patience struct {
	learner time.Duration // one that has not caught up; as long as it is there, it is in the way of another
	surplus time.Duration // more members than there should be
	history time.Duration // what has been overwritten, in an etcd of the user's own
	silence time.Duration // of a majority that may be gone
	file    time.Duration // of etcd, from one time that it is looked at to the next
	shrink  time.Duration // from one time that it is made smaller to the next
}

var defaultPatience = patience{learner: 3 * time.Minute, surplus: 10 * time.Minute, history: history, silence: lease.DefaultTTL * 3 / 2,
	file: time.Minute, shrink: time.Hour}

// Run keeps the node in its cluster: it follows etcd's members and becomes one if there are too few, renews the node's certificate, and
// looks whether the node is wanted at all. It ends with ctx, whose error it returns, or when the node cannot go on: ErrForgotten,
// ErrNewer, ErrDataLost, or what has ended etcd.
func (c *Cluster) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	silent := false
	for {
		err := c.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case isFinal(err):
			return err
		case err != nil && !silent:
			c.log.Warn("the cluster cannot be looked after at present", "error", err)
		case err == nil && silent:
			c.log.Info("the cluster is looked after again")
		}
		silent = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed(c.etcd):
			return fmt.Errorf("etcd has ended: %w", err)
		case <-tick.C:
		}
	}
}

// look does what there is to do now.
func (c *Cluster) look(ctx context.Context) error {
	shown := c.identity.Certificate()
	if err := c.dir.renew(time.Now(), c.self, c.credentials); err != nil {
		return fmt.Errorf("renew the node's certificate: %w", err)
	}
	if c.identity.Certificate() != shown {
		c.tell(c.Etcd().Endpoints)
	}
	r, members, err := c.ask(ctx)
	if err != nil || c.avoiding {
		c.avoid(ctx)
	}
	if err != nil {
		return err
	}
	if c.options.External != nil {
		return c.compact(ctx, r.revision)
	}
	if err := c.follow(members); err != nil {
		return err
	}
	mine := c.mine(members)
	if err := c.attend(mine); err != nil {
		return err
	}
	c.seen.note(len(r.nodes), members)
	// Only if there is something to do, supposing the best, is it worth asking how they are.
	if d, _ := next(c.node.member(), len(r.nodes), c.seats(r, members, nil), c.seen.steady()); d != nothing || c.lacksData(mine) {
		err = c.tend(ctx)
	}
	return errors.Join(err, c.makeRoom(ctx, members))
}

// ask reads the records and etcd's members, as they are now.
func (c *Cluster) ask(ctx context.Context) (records, []*etcdserverpb.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, membersAnswer)
	defer cancel()
	r, err := read(ctx, c.client)
	if err != nil {
		return r, nil, err
	}
	if err := c.belongs(r); err != nil || c.options.External != nil {
		return r, nil, err
	}
	list, err := c.client.MemberList(ctx)
	if err != nil {
		return r, nil, fmt.Errorf("list the members of etcd: %w", err)
	}
	return r, list.Members, nil
}

// follow has the client, and those beside the node, use the members there are.
func (c *Cluster) follow(members []*etcdserverpb.Member) error {
	var endpoints []string
	for _, m := range members {
		if !m.IsLearner {
			endpoints = append(endpoints, m.ClientURLs...) // none if it has not started
		}
	}
	slices.Sort(endpoints)
	if len(endpoints) == 0 || slices.Equal(endpoints, c.self.Endpoints) {
		return nil
	}
	c.self.Endpoints = endpoints
	c.client.SetEndpoints(endpoints...)
	c.avoiding = false
	c.tell(endpoints)
	return c.dir.putSelf(c.self)
}

// tell tells those who wait for a change where etcd is.
func (c *Cluster) tell(endpoints []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoints = endpoints
	close(c.changed)
	c.changed = make(chan struct{})
}

// compact has an etcd of the user's own forget what was overwritten long ago, as the embedded one does by itself: most of them are not told to,
// and one whose quota is used up takes no writes any more. All nodes do so; for whoever comes second it is done already.
func (c *Cluster) compact(ctx context.Context, revision int64) error {
	now, before := time.Now(), c.seen.revision
	if now.Sub(c.seen.noted) < c.seen.history {
		return nil
	}
	c.seen.noted, c.seen.revision = now, revision
	if before == 0 || before == revision {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	if _, err := c.client.Compact(ctx, before); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("have etcd forget what is older than %s: %w", c.seen.history, err)
	}
	return nil
}

// avoid has the client use those members alone that are well, until all are. gRPC would find out that a machine does not answer after
// ten seconds at the earliest, and a member that is cut off from the others not at all. If none is well, nothing is gained by
// choosing.
func (c *Cluster) avoid(ctx context.Context) {
	all := c.Etcd().Endpoints
	var well []string
	for i, answer := range c.statuses(ctx, all) {
		if answer != nil {
			well = append(well, all[i])
		}
	}
	if len(well) == 0 {
		well = all
	}
	if slices.Equal(well, c.client.Endpoints()) {
		return
	}
	if c.avoiding = len(well) < len(all); c.avoiding {
		c.log.Warn("not all members of etcd are well", "used", well, "all", all)
	} else {
		c.log.Info("all members of etcd are used again", "all", all)
	}
	c.client.SetEndpoints(well...)
}

// statuses asks members how they are. An answer is nil if a member does not answer, or has no leader, or is nowhere ("").
func (c *Cluster) statuses(ctx context.Context, endpoints []string) []*clientv3.StatusResponse {
	answers := statuses(ctx, c.client, endpoints)
	for i, answer := range answers {
		if answer != nil && answer.Leader == 0 {
			answers[i] = nil
		}
	}
	return answers
}

// statuses asks members how they are, with a leader or without. An answer is nil if a member does not answer, or is nowhere ("").
func statuses(ctx context.Context, client *clientv3.Client, endpoints []string) []*clientv3.StatusResponse {
	ctx, cancel := context.WithTimeout(ctx, membersAnswer)
	defer cancel()
	answers := make([]*clientv3.StatusResponse, len(endpoints))
	var asking sync.WaitGroup
	for i, endpoint := range endpoints {
		if endpoint == "" {
			continue
		}
		asking.Go(func() {
			if answer, err := client.Status(ctx, endpoint); err == nil {
				answers[i] = answer
			}
		})
	}
	asking.Wait()
	return answers
}

// mine is this node's member of etcd; nil: there is none.
func (c *Cluster) mine(members []*etcdserverpb.Member) *etcdserverpb.Member {
	for _, m := range members {
		switch {
		case c.etcd != nil && m.ID == uint64(c.etcd.Server.MemberID()),
			c.etcd == nil && m.Name == c.node.member(),
			c.etcd == nil && m.Name == "" && slices.Contains(m.PeerURLs, "https://"+c.node.Peer):
			return m
		}
	}
	return nil
}

// attend brings the etcd here into line with the members.
func (c *Cluster) attend(mine *etcdserverpb.Member) (err error) {
	switch {
	case c.etcd != nil && mine == nil:
		return c.leave()
	case c.etcd != nil && mine.Name != "" && !c.self.Member:
		// From now on its data may not be lost.
		c.self.Member = true
		return c.dir.putSelf(c.self)
	case c.etcd == nil && mine != nil && hasMember(c.dir.etcd()):
		c.etcd, err = c.startEtcd(nil)
		return err
	case c.etcd == nil && mine != nil && !mine.IsLearner:
		return c.dataLost()
	}
	return nil
}

// lacksData reports whether this node was made a learner and has not started as one. It is not known what its member has got already, so it is
// removed, and may begin anew.
func (c *Cluster) lacksData(mine *etcdserverpb.Member) bool {
	return mine != nil && mine.IsLearner && c.etcd == nil
}

// tend changes etcd's members for the better, if it is this node's turn.
func (c *Cluster) tend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, turnLasts*2/3)
	defer cancel()
	done, err := c.take(ctx)
	if err != nil || done == nil {
		return err
	}
	defer done()
	// A promotion may call for another at once; and what is left to do is for the members that are left.
	for again := true; again; {
		r, members, err := c.ask(ctx)
		if err != nil {
			return err
		}
		if err := c.follow(members); err != nil {
			return err
		}
		if mine := c.mine(members); c.lacksData(mine) {
			_, err := c.client.MemberRemove(ctx, mine.ID)
			return err
		}
		if again, err = c.improve(ctx, r, members); err != nil {
			return fmt.Errorf("change the members of etcd: %w", err)
		}
	}
	return nil
}

// improve does the next thing, and reports whether there may be another.
func (c *Cluster) improve(ctx context.Context, r records, members []*etcdserverpb.Member) (bool, error) {
	d, s := next(c.node.member(), len(r.nodes), c.seats(r, members, c.healthy(ctx, members)), c.seen.steady())
	switch d {
	case remove:
		c.log.Info("a member of etcd is removed", "member", s.name, "forgotten", !s.ours, "learner", s.learner)
		_, err := c.client.MemberRemove(ctx, s.id)
		return err == nil, err
	case promote:
		c.log.Info("a member of etcd gets its vote", "member", s.name)
		_, err := c.client.MemberPromote(ctx, s.id)
		return err == nil, err
	case enter:
		return false, c.enter(ctx)
	}
	return false, nil
}

// enter makes this node a member, without a vote yet.
func (c *Cluster) enter(ctx context.Context) error {
	if err := c.dir.dropEtcd(c.self); err != nil { // what a former member has left
		return err
	}
	c.log.Info("this node becomes a member of etcd")
	answer, err := c.client.MemberAddAsLearner(ctx, []string{"https://" + c.node.Peer})
	if err != nil {
		return err
	}
	var others []string
	for _, m := range answer.Members {
		for _, url := range m.PeerURLs {
			if m.ID != answer.Member.ID {
				others = append(others, fmt.Sprintf("%x=%s", m.ID, url)) // names do not matter, but for one's own
			}
		}
	}
	c.etcd, err = c.startEtcd(others)
	return err
}

// take takes the turn to change members. done gives it back; it is nil if somebody else has it. Whoever dies with it loses it.
func (c *Cluster) take(ctx context.Context) (done func(), err error) {
	lease, err := c.client.Grant(ctx, int64(turnLasts/time.Second))
	if err != nil {
		return nil, fmt.Errorf("take the turn to change the members of etcd: %w", err)
	}
	done = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answersWithin)
		defer cancel()
		if _, err := c.client.Revoke(ctx, lease.ID); err != nil {
			c.log.Debug("the turn was not given back, and ends by itself", "error", err)
		}
	}
	answer, err := c.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(turnKey), "=", 0)).
		Then(clientv3.OpPut(turnKey, c.node.Name, clientv3.WithLease(lease.ID))).Commit()
	if err != nil {
		done()
		return nil, fmt.Errorf("take the turn to change the members of etcd: %w", err)
	}
	if !answer.Succeeded {
		done()
		return nil, nil
	}
	return done, nil
}

// seats are etcd's members for the rule. healthy are those that are well; nil: it is not known, and supposed as far as it makes a difference.
func (c *Cluster) seats(r records, members []*etcdserverpb.Member, healthy map[uint64]bool) []seat {
	seats := make([]seat, 0, len(members))
	for _, m := range members {
		s := seat{id: m.ID, name: m.Name, learner: m.IsLearner, healthy: healthy[m.ID], stale: c.seen.stale(m.ID)}
		if healthy == nil {
			s.healthy = !s.stale
		}
		for _, n := range r.nodes {
			// A member has no name before it has started.
			if m.Name == n.member() || m.Name == "" && slices.Contains(m.PeerURLs, "https://"+n.Peer) {
				s.name, s.ours = n.member(), true
			}
		}
		seats = append(seats, s)
	}
	return seats
}

// healthy asks each member how it is. A learner is well when it has nearly all that there is, which is what etcd asks of it too before
// it gives it a vote.
func (c *Cluster) healthy(ctx context.Context, members []*etcdserverpb.Member) map[uint64]bool {
	endpoints := make([]string, len(members))
	for i, m := range members {
		if len(m.ClientURLs) > 0 { // it has started
			endpoints[i] = m.ClientURLs[0]
		}
	}
	answers := c.statuses(ctx, endpoints)
	var most uint64
	for _, answer := range answers {
		if answer != nil {
			most = max(most, answer.RaftIndex)
		}
	}
	healthy := make(map[uint64]bool, len(members))
	for i, m := range members {
		healthy[m.ID] = answers[i] != nil && (!m.IsLearner || answers[i].RaftAppliedIndex >= most/10*9)
	}
	return healthy
}

// note takes in what there is now.
func (o *observed) note(nodes int, members []*etcdserverpb.Member) {
	if nodes != o.nodes {
		o.nodes, o.since = nodes, time.Now()
	}
	before := o.learners
	o.learners = map[uint64]time.Time{}
	for _, m := range members {
		if first, there := before[m.ID]; m.IsLearner && there {
			o.learners[m.ID] = first
		} else if m.IsLearner {
			o.learners[m.ID] = time.Now()
		}
	}
}

func (o *observed) steady() bool { return time.Since(o.since) > o.surplus }

func (o *observed) stale(learner uint64) bool {
	first, there := o.learners[learner]
	return there && time.Since(first) > o.learner
}
