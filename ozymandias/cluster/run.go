package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

const (
	lookEvery = 2 * time.Second
	// A member that does not answer in this time is left for another, sooner than a lease would run out.
	membersAnswer = 2 * time.Second
)

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
