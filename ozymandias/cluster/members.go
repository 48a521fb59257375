package cluster

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/lease"
)

// turnLasts is for how long whoever changes the members may take.
const turnLasts = 10 * time.Second

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

// mine is this node's member of etcd; nil: there is none.
func (c *Cluster) mine(members []*etcdserverpb.Member) *etcdserverpb.Member {
	for _, m := range members {
		switch {
		case c.etcd != nil && m.ID == uint64(c.etcd.Server.MemberID()),
			c.etcd == nil && m.Name == c.node.member(),
			c.etcd == nil && m.Name == "" && slices.Contains(m.PeerURLs, c.node.peerURL()):
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
	answer, err := c.client.MemberAddAsLearner(ctx, []string{c.node.peerURL()})
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
			if m.Name == n.member() || m.Name == "" && slices.Contains(m.PeerURLs, n.peerURL()) {
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
