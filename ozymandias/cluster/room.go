package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// etcd's file grows and never shrinks: what was removed leaves room in it, which counts as used. When it has grown to the quota, etcd raises an
// alarm and takes no more writes until somebody takes that back. So the file is written anew when most of it is room, on one member after
// the other. Meanwhile this member answers nobody, so it is not the leader's turn before it has handed over; and as long as there is no
// alarm it is not done often, nor when a member is missing.

// worthwhile is which part of the quota is worth to be made room of: 100 MB of the default.
const worthwhile = 40

// shrinkWithin is how long it may take to write a file of etcd's quota anew.
const shrinkWithin = 5 * time.Minute

// A file is that of one member.
type file struct {
	id                uint64
	leader            bool
	size, used, quota int64 // bytes
	full              bool  // the member has raised the alarm
}

// hasRoom reports whether it is worth writing the file anew. If there is an alarm any gain is.
func (f file) hasRoom(alarm bool) bool {
	return f.size-f.used >= f.quota/worthwhile && (alarm || f.used <= f.size/2)
}

// relief is what one member can do about room.
type relief int

const (
	noRelief relief = iota
	compact         // have etcd forget all that was overwritten
	handOver        // the leadership, to the member
	shrink          // write the file anew
	disarm          // take the alarm of the member back
)

// nextRelief is what a member is to do next. files are those of the members that answer, by id; calm says that this is all of them, and that its
// own was not made smaller lately.
func nextRelief(self uint64, files []file, calm bool) (relief, file) {
	alarm := slices.ContainsFunc(files, func(f file) bool { return f.full })
	var own file
	var rooms, others []file
	for _, f := range files {
		if f.id == self {
			own = f
		} else {
			others = append(others, f)
		}
		if f.hasRoom(alarm) && !f.leader {
			rooms = append(rooms, f)
		}
	}
	may := calm || alarm
	switch {
	case own.full && own.size <= own.quota*3/4:
		return disarm, own
	case len(rooms) > 0 && rooms[0].id == self && may:
		return shrink, own
	case len(rooms) > 0 || !own.leader:
	case own.hasRoom(alarm) && may && len(others) == 0 && (alarm || own.used <= own.quota/worthwhile):
		return shrink, own // which takes a second or two: nobody renews a lease meanwhile
	case own.hasRoom(alarm) && may && len(others) > 0:
		return handOver, others[0]
	case alarm:
		return compact, own
	}
	return noRelief, file{}
}

// makeRoom makes etcd's file here smaller, if it is time and this member's turn.
func (c *Cluster) makeRoom(ctx context.Context, members []*etcdserverpb.Member) error {
	if c.etcd == nil || time.Since(c.seen.files) < c.seen.file {
		return nil
	}
	c.seen.files = time.Now()
	files, all, err := c.files(ctx, members)
	if err != nil {
		return err
	}
	calm := all && (c.seen.shrunk.IsZero() || time.Since(c.seen.shrunk) > c.seen.shrink)
	do, of := nextRelief(uint64(c.etcd.Server.MemberID()), files, calm)
	ctx, cancel := context.WithTimeout(ctx, shrinkWithin)
	defer cancel()
	own := c.node.clientURL()
	switch do {
	case compact:
		c.log.Warn("etcd has used up its quota and takes no writes: it is made to forget what was overwritten", "used", of.used, "quota", of.quota)
		err = c.forget(ctx)
	case handOver:
		err = c.handOver(ctx, own, of.id)
	case shrink:
		c.seen.shrunk = time.Now()
		c.log.Info("the file of etcd here is made smaller", "size", of.size, "used", of.used)
		_, err = c.client.Defragment(ctx, own)
	case disarm:
		c.log.Info("etcd has room again here", "size", of.size, "quota", of.quota)
		_, err = c.client.AlarmDisarm(ctx, &clientv3.AlarmMember{MemberID: of.id, Alarm: etcdserverpb.AlarmType_NOSPACE})
	}
	if err != nil {
		return fmt.Errorf("make room in etcd: %w", err)
	}
	return nil
}

// files are those of the members that have a vote and answer. all says that these are all members.
func (c *Cluster) files(ctx context.Context, members []*etcdserverpb.Member) (files []file, all bool, err error) {
	endpoints := make([]string, len(members))
	for i, m := range members {
		if len(m.ClientURLs) > 0 && !m.IsLearner {
			endpoints[i] = m.ClientURLs[0]
		}
	}
	answers := c.statuses(ctx, endpoints)
	ctx, cancel := context.WithTimeout(ctx, membersAnswer)
	defer cancel()
	alarms, err := c.client.AlarmList(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("ask etcd for its alarms: %w", err)
	}
	for i, a := range answers {
		if a == nil {
			continue
		}
		id := members[i].ID
		full := slices.ContainsFunc(alarms.Alarms, func(a *etcdserverpb.AlarmMember) bool {
			return a.MemberID == id && a.Alarm == etcdserverpb.AlarmType_NOSPACE
		})
		files = append(files, file{id: id, leader: a.Leader == id, size: a.DbSize, used: a.DbSizeInUse, quota: a.DbSizeQuota, full: full})
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.id, b.id) })
	return files, len(files) == len(members), nil
}

// forget has etcd forget all that was overwritten, sooner than it would by itself: who watches and has not seen it reads all anew.
func (c *Cluster) forget(ctx context.Context) error {
	now, err := c.client.Get(ctx, formatKey)
	if err != nil {
		return err
	}
	if _, err := c.client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical()); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return err
	}
	return nil
}

// handOver has another member lead. Only the leader takes the request.
func (c *Cluster) handOver(ctx context.Context, own string, to uint64) error {
	client, err := dial([]string{own}, c.identity.Client(), c.log)
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.MoveLeader(ctx, to)
	return err
}
