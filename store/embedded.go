package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"teamtask.dev/etcdlog"
)

// Settings of the embedded etcd. It serves one process with one small record a list, so it needs little room, and its
// history is of no use once it is a few seconds old.
const (
	walSegment     = 8 << 20 // bytes; etcd would take 64 MB at once
	snapshotEvery  = 1000    // entries; an entry can be 1 MiB, and the log is kept until the snapshot
	compactEvery   = 5 * time.Second
	quotaBytes     = 8 << 30 // the most etcd recommends
	maxRequest     = 8 << 20
	tick, election = 10, 100 // milliseconds; a member alone elects itself
)

// logged is how etcd's log appears. What was not acknowledged when it cannot go on is not lost: nobody was told that it was done.
var logged = etcdlog.Options{Prefix: "etcd: ", Dying: "teamtask: the store cannot be written"}

// embedded is an etcd in this process. It opens no port: its client calls it directly.
type embedded struct {
	etcd   *embed.Etcd
	client *clientv3.Client
	lock   *os.File
	wal    string
	log    *slog.Logger

	stop context.CancelFunc
	done sync.WaitGroup
}

func startEmbedded(ctx context.Context, dir string, noSync bool, log *slog.Logger) (*embedded, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	wal.SegmentSizeBytes = walSegment
	// No listeners; the peer URL only names the member.
	nowhere := []url.URL{{Scheme: "http", Host: "localhost:0"}}
	cfg := embed.NewConfig()
	cfg.Dir = filepath.Join(dir, "etcd")
	cfg.Name = "embedded"
	cfg.ListenClientUrls, cfg.ListenPeerUrls = nil, nil
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = nowhere, nowhere
	cfg.InitialCluster = cfg.Name + "=" + nowhere[0].String()
	cfg.TickMs, cfg.ElectionMs = tick, election
	cfg.SnapshotCount, cfg.SnapshotCatchUpEntries = snapshotEvery, snapshotEvery/10
	cfg.MaxSnapFiles, cfg.MaxWalFiles = 2, 2
	cfg.QuotaBackendBytes = quotaBytes
	cfg.MaxRequestBytes = maxRequest
	cfg.UnsafeNoFsync = noSync
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdlog.New(log.With("component", "etcd"), logged))
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("start the embedded etcd in %s: %w", dir, err)
	}
	e := &embedded{etcd: etcd, lock: lock, wal: filepath.Join(cfg.Dir, "member", "wal"), log: log}
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		e.close()
		return nil, fmt.Errorf("start the embedded etcd in %s: %w", dir, err)
	case <-ctx.Done():
		e.close()
		return nil, ctx.Err()
	}
	e.client = v3client.New(etcd.Server)
	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	e.done.Go(func() { e.compact(loop, log) })
	return e, nil
}

// compact forgets etcd's history as it grows, so that the data directory stays bounded at any rate of writes.
func (e *embedded) compact(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(compactEvery)
	defer ticker.Stop()
	var last int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		resp, err := e.client.Get(ctx, "/", clientv3.WithCountOnly())
		if err != nil || resp.Header.Revision == last {
			continue
		}
		last = resp.Header.Revision
		if _, err := e.client.Compact(ctx, last); err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("etcd's history could not be compacted", "error", err)
		}
	}
}

func (e *embedded) close() {
	if e.stop != nil {
		e.stop()
		e.done.Wait()
	}
	if e.client != nil {
		e.client.Close()
	}
	e.etcd.Close()
	if err := shrink(e.wal); err != nil {
		e.log.Warn("the data directory is larger than it need be", "error", err)
	}
	e.lock.Close()
}
