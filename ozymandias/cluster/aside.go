package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/durable"
	"teamtask.dev/ozymandias/state"
)

// A member of etcd that is the first of its cluster again, with records that there were, is made aside, where nobody reaches it, and then put in
// place: killed at any moment, the machine is as before, or it is done.

// prepare has the data of this node's member of etcd be those that it is to begin with.
func (c *Cluster) prepare(ctx context.Context) error {
	if err := c.settle(); err != nil { // what an earlier process has made
		return err
	}
	if !c.self.Restoring {
		return c.goOnAlone(ctx)
	}
	if err := c.refill(ctx); err != nil {
		return fmt.Errorf("restore the cluster: %w", err)
	}
	return c.settle()
}

// aside runs an etcd where etcdNew says and nobody reaches it, has its records brought in order, and keeps it to be put in place. bring returns
// the last revision that anybody may have seen.
func (c *Cluster) aside(ctx context.Context, cfg *embed.Config, bring func(context.Context, *clientv3.Client) (revision int64, err error)) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.dir.etcdNew()))
		}
	}()
	anyPort := []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}} // nobody is told which
	cfg.Dir, cfg.ListenClientUrls, cfg.ListenPeerUrls = c.dir.etcdNew(), anyPort, anyPort
	// Members that join later get a snapshot of the data instead of etcd's log, in which the leap of the revisions is not.
	cfg.SnapshotCount = 1
	etcd, err := runEtcd(cfg)
	if err != nil {
		return err
	}
	revision, err := within(ctx, etcd, bring)
	stopEtcd(etcd)
	if err != nil {
		return err
	}
	if err := leap(cfg.Dir, revision+state.Leap); err != nil {
		return err
	}
	return c.dir.keepMade()
}

// within does something with an etcd of this process when that is ready.
func within(ctx context.Context, etcd *embed.Etcd, do func(context.Context, *clientv3.Client) (int64, error)) (int64, error) {
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return 0, fmt.Errorf("etcd has ended: %w", err)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	client := v3client.New(etcd.Server)
	defer client.Close()
	return do(ctx, client)
}

// goOn makes records safe to go on with, and returns their last revision.
func goOn(ctx context.Context, client *clientv3.Client, why string) (revision int64, err error) {
	if err := state.New(client).Recover(ctx, why); err != nil {
		return 0, err
	}
	r, err := read(ctx, client)
	return r.revision, err
}

// leap has an etcd that does not run count its revisions on from another one, and have no history before: so whoever watches reads all anew.
func leap(dir string, revision int64) error {
	snapshots, err := wal.ValidSnapshotEntries(zap.NewNop(), filepath.Join(dir, "member", "wal"))
	if err != nil {
		return fmt.Errorf("read the log of etcd: %w", err)
	}
	if n := len(snapshots); n == 0 || snapshots[n-1].GetIndex() == 0 {
		return errors.New("etcd has made no snapshot, without which other members would not get the same data")
	}
	data := backend.NewDefaultBackend(zap.NewNop(), filepath.Join(dir, "member", "snap", "db"))
	tx := data.BatchTx()
	tx.LockOutsideApply()
	// What is to be compacted is when etcd starts, and no later revision than that is taken for the last.
	mvcc.UnsafeSetScheduledCompact(tx, revision)
	tx.Unlock()
	data.ForceCommit()
	return data.Close()
}

// settle puts a member in place that was made aside, if there is one.
func (c *Cluster) settle() error {
	made, err := c.dir.hasMade()
	if err != nil || !made {
		return err
	}
	c.self.Forced, c.self.Restoring = !c.self.Restoring, false
	c.self.Member, c.self.Endpoints = true, []string{c.node.clientURL()}
	if err := c.dir.putSelf(c.self); err != nil {
		return err
	}
	if err := os.Remove(c.dir.pki(restoredFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the backup that etcd has begun with: %w", err)
	}
	if err := c.dir.placeMade(); err != nil {
		return err
	}
	if c.self.Forced {
		c.log.Warn("etcd goes on with this node's member alone", "its data before", c.dir.etcdBefore())
	}
	return nil
}

// etcdNew is where a member is made, etcdMade where it waits to be put in place, and etcdBefore where what was there before is kept: if it was the
// wrong node, or the wrong thing to do, nothing is lost.
func (d *directory) etcdNew() string    { return d.etcd() + ".new" }
func (d *directory) etcdMade() string   { return d.etcd() + ".made" }
func (d *directory) etcdBefore() string { return d.etcd() + ".before" }

func (d *directory) hasMade() (bool, error) {
	_, err := os.Stat(d.etcdMade())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// copyEtcd copies the data of etcd, which does not run, to where a new member is made of it.
func (d *directory) copyEtcd() error {
	if err := os.RemoveAll(d.etcdNew()); err != nil {
		return err
	}
	return filepath.WalkDir(d.etcd(), func(from string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(d.etcd(), from)
		if err != nil {
			return err
		}
		to := filepath.Join(d.etcdNew(), below)
		if entry.IsDir() {
			return os.Mkdir(to, 0o700)
		}
		return copyFile(to, from)
	})
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// keepMade has what was made be there whole, or not at all.
func (d *directory) keepMade() error {
	made, err := os.Open(d.etcdNew())
	if err == nil {
		err = errors.Join(unix.Syncfs(int(made.Fd())), made.Close())
	}
	if err != nil {
		return fmt.Errorf("keep the data of etcd that were made: %w", err)
	}
	if err := durable.Rename(d.etcdNew(), d.etcdMade()); err != nil {
		return fmt.Errorf("keep the data of etcd that were made: %w", err)
	}
	return nil
}

// placeMade puts what was made in its place. Interrupted, it is done the next time.
func (d *directory) placeMade() error {
	if _, err := os.Stat(d.etcd()); err == nil {
		if err := os.RemoveAll(d.etcdBefore()); err != nil {
			return fmt.Errorf("remove earlier data of etcd: %w", err)
		}
		if err := os.Rename(d.etcd(), d.etcdBefore()); err != nil {
			return fmt.Errorf("keep the data of etcd: %w", err)
		}
	}
	if err := durable.Rename(d.etcdMade(), d.etcd()); err != nil {
		return fmt.Errorf("put the data of etcd in place: %w", err)
	}
	return nil
}
