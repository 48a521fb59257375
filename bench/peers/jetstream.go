package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// jetStream is NATS JetStream: a work queue in a file, and a pull consumer shared by all workers. A worker asks the server to
// confirm the last of every batch of acknowledgements, which confirms those before it, as they are processed in order.
//
// A work queue deletes what is acknowledged, and writes that down before it confirms. Other streams only note in memory what
// was acknowledged, and write it ten times a second whatever sync_always says, so that a work queue is the one that can be durable.
func jetStream(syncAlways bool, batch, tasks int) *row {
	r := &row{
		name:    "NATS JetStream, fetches and confirms " + grouped(batch),
		tasks:   tasks,
		durable: "no: fsync every 2 minutes",
		drain: func(ctx context.Context, dir string, tasks int) (took time.Duration, err error) {
			// With sync_always filling it would take longer than draining it, and is not measured anyway.
			if err := withNATS(dir, false, func(url string) error { return publish(ctx, url, tasks) }); err != nil {
				return 0, err
			}
			err = withNATS(dir, syncAlways, func(url string) error {
				took, err = drainJetStream(ctx, url, batch, tasks)
				return err
			})
			return took, err
		},
	}
	if syncAlways {
		r.name += ", sync_always"
		r.durable = "yes: fsync before the answer, one for each task"
	}
	return r
}

// withNATS runs a server for as long as use takes.
func withNATS(dir string, syncAlways bool, use func(url string) error) error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: dir, SyncAlways: syncAlways,
	})
	if err != nil {
		return err
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		return errors.New("the NATS server does not start")
	}
	return use(s.ClientURL())
}

func drainJetStream(ctx context.Context, url string, batch, tasks int) (time.Duration, error) {
	consumers := make([]jetstream.Consumer, workers)
	for i := range consumers {
		connection, err := nats.Connect(url)
		if err != nil {
			return 0, err
		}
		defer connection.Close()
		js, err := jetstream.New(connection)
		if err != nil {
			return 0, err
		}
		// The first one creates it, the others find it.
		if consumers[i], err = js.CreateOrUpdateConsumer(ctx, "tasks", jetstream.ConsumerConfig{
			Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1,
		}); err != nil {
			return 0, err
		}
	}
	var done atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	begun := time.Now()
	for _, consumer := range consumers {
		all.Go(func() error {
			for {
				n, err := acknowledgeBatch(ctx, consumer, batch)
				if err != nil || n == 0 {
					return err
				}
				done.Add(int64(n))
			}
		})
	}
	err := all.Wait()
	took := time.Since(begun)
	if err == nil && done.Load() != int64(tasks) {
		err = errors.New("the stream is empty")
	}
	if err != nil {
		return 0, fmt.Errorf("JetStream did %d of %d tasks: %w", done.Load(), tasks, err)
	}
	return took, nil
}

// acknowledgeBatch takes as many tasks as there are, at most batch of them, and returns when they are known to be done.
func acknowledgeBatch(ctx context.Context, consumer jetstream.Consumer, batch int) (n int, err error) {
	fetched, err := consumer.FetchNoWait(batch)
	if err != nil {
		return 0, err
	}
	var last jetstream.Msg
	for msg := range fetched.Messages() {
		if last != nil {
			if err := last.Ack(); err != nil {
				return 0, err
			}
		}
		last = msg
		n++
	}
	if last == nil {
		return 0, fetched.Error()
	}
	return n, errors.Join(fetched.Error(), last.DoubleAck(ctx))
}

// publish fills the work queue.
func publish(ctx context.Context, url string, tasks int) error {
	connection, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer connection.Close()
	js, err := jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(4_000))
	if err != nil {
		return err
	}
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "tasks", Subjects: []string{"tasks"}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
	}); err != nil {
		return err
	}
	for range tasks {
		if _, err := js.PublishAsync("tasks", nil); err != nil {
			return fmt.Errorf("insert tasks: %w", err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("insert tasks: %w", ctx.Err())
	}
}
