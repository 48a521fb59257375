package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"
)

// A server of asynq fetches one task after another, however many workers it has, so that it takes several to keep them busy.
// With 8 of them the throughput is highest, or near it, for both kinds of durability.
const asynqServers = 8

// asynqOnRedis is asynq with Redis and its append-only file; appendfsync is always or everysec, Redis's default for it. There
// is no inserting or fetching in batches.
func asynqOnRedis(appendfsync string, tasks int) *row {
	durable := map[string]string{
		"always":   "yes: fsync before the answer",
		"everysec": "no: fsync once a second",
	}
	return &row{
		name:    fmt.Sprintf("asynq on Redis, %d servers, appendfsync %s", asynqServers, appendfsync),
		tasks:   tasks,
		durable: durable[appendfsync],
		drain: func(ctx context.Context, dir string, tasks int) (time.Duration, error) {
			path, err := tool("redis-server", "redis-server")
			if err != nil {
				return 0, err
			}
			socket := filepath.Join(dir, "redis.sock")
			redis, err := startDaemon(exec.Command(path, "--port", "0", "--unixsocket", socket, "--dir", dir,
				"--save", "", "--appendonly", "yes", "--appendfsync", appendfsync))
			if err != nil {
				return 0, err
			}
			defer redis.stop()
			return drainAsynq(ctx, redis, socket, tasks)
		},
	}
}

func drainAsynq(ctx context.Context, redis *daemon, socket string, tasks int) (time.Duration, error) {
	connection := asynq.RedisClientOpt{Network: "unix", Addr: socket, PoolSize: 2 * workers}
	client := asynq.NewClient(connection)
	defer client.Close()
	if err := redis.ready(ctx, func(context.Context) error { return client.Ping() }); err != nil {
		return 0, err
	}
	var left atomic.Int64
	left.Store(int64(tasks))
	var insert errgroup.Group
	for range workers {
		insert.Go(func() error {
			for left.Add(-1) >= 0 {
				if _, err := client.EnqueueContext(ctx, asynq.NewTask("nothing", nil)); err != nil {
					return fmt.Errorf("insert tasks: %w", err)
				}
			}
			return nil
		})
	}
	if err := insert.Wait(); err != nil {
		return 0, err
	}

	left.Store(int64(tasks))
	handled := make(chan struct{})
	handler := asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		if left.Add(-1) == 0 {
			close(handled)
		}
		return nil
	})
	begun := time.Now()
	var shutdowns sync.WaitGroup // each takes as long as an empty queue is left alone, a second
	defer shutdowns.Wait()
	for range asynqServers {
		processor := asynq.NewServer(connection, asynq.Config{Concurrency: workers / asynqServers, LogLevel: asynq.FatalLevel})
		if err := processor.Start(handler); err != nil {
			return 0, err
		}
		defer shutdowns.Go(processor.Shutdown)
	}
	select {
	case <-handled:
	case <-ctx.Done():
		return 0, fmt.Errorf("asynq did %d of %d tasks: %w", int64(tasks)-left.Load(), tasks, ctx.Err())
	}
	// The last completions are on their way: a task leaves the queue when Redis has acknowledged it.
	inspector := asynq.NewInspector(connection)
	defer inspector.Close()
	for ctx.Err() == nil {
		queue, err := inspector.GetQueueInfo("default")
		if err != nil {
			return 0, err
		}
		if queue.Size == 0 {
			return time.Since(begun), nil
		}
	}
	return 0, ctx.Err()
}
