package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverOnPostgres is River with PostgreSQL as it comes: fsync and synchronous_commit are on. River fetches as many jobs at
// once as it has workers free, so that their number is its batch size, too; its own benchmark has 2,000.
func riverOnPostgres(maxWorkers, tasks int) *row {
	return &row{
		name:    fmt.Sprintf("River on PostgreSQL, %s workers", grouped(maxWorkers)),
		tasks:   tasks,
		durable: "yes: fsync, written in batches; the worker does not wait",
		drain: func(ctx context.Context, dir string, tasks int) (time.Duration, error) {
			postgres, err := startPostgres(ctx, dir)
			if err != nil {
				return 0, err
			}
			defer postgres.stop()
			pool, err := pgxpool.New(ctx, fmt.Sprintf("host=%s user=postgres dbname=postgres", dir))
			if err != nil {
				return 0, err
			}
			defer pool.Close()
			if err := postgres.ready(ctx, pool.Ping); err != nil {
				return 0, err
			}
			return drainRiver(ctx, pool, maxWorkers, tasks)
		},
	}
}

// nothing is a job with no work in it.
type nothing struct{}

func (nothing) Kind() string { return "nothing" }

type doNothing struct{ river.WorkerDefaults[nothing] }

func (doNothing) Work(context.Context, *river.Job[nothing]) error { return nil }

func drainRiver(ctx context.Context, pool *pgxpool.Pool, maxWorkers, tasks int) (time.Duration, error) {
	driver := riverpgxv5.New(pool)
	silent := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: silent})
	if err != nil {
		return 0, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return 0, fmt.Errorf("create River's tables: %w", err)
	}
	registered := river.NewWorkers()
	river.AddWorker(registered, doNothing{})
	// The intervals are those of `river bench`, which were chosen for throughput; the defaults are 100 ms and 1 s.
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown:     2 * time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
		Logger:            silent,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: maxWorkers}},
		Workers:           registered,
	})
	if err != nil {
		return 0, err
	}
	batch := make([]river.InsertManyParams, 5_000)
	for i := range batch {
		batch[i].Args = nothing{}
	}
	for left := tasks; left > 0; left -= len(batch) {
		if _, err := client.InsertManyFast(ctx, batch[:min(left, len(batch))]); err != nil {
			return 0, fmt.Errorf("insert jobs: %w", err)
		}
	}
	// A server that has run for a minute has done this by itself.
	if _, err := pool.Exec(ctx, "ANALYZE"); err != nil {
		return 0, err
	}
	// An event comes once the completion is committed. Those that do not fit into the channel are dropped.
	completed, unsubscribe := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: tasks, Kinds: []river.EventKind{river.EventKindJobCompleted},
	})
	defer unsubscribe()
	begun := time.Now()
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return 0, err
	}
	defer client.StopAndCancel(context.WithoutCancel(ctx))
	for done := range tasks {
		select {
		case <-completed:
		case <-ctx.Done():
			return 0, fmt.Errorf("River did %d of %d tasks: %w", done, tasks, ctx.Err())
		}
	}
	return time.Since(begun), nil
}

// startPostgres starts a cluster in dir that listens to nothing but a socket there. PostgreSQL refuses to run as root, which
// is why root starts it as the user that the package has made.
func startPostgres(ctx context.Context, dir string) (*daemon, error) {
	const bin, debianPackage = "/usr/lib/postgresql/15/bin/", "postgresql-15"
	initdb, err := tool(bin+"initdb", debianPackage)
	if err != nil {
		return nil, err
	}
	postgres, err := tool(bin+"postgres", debianPackage)
	if err != nil {
		return nil, err
	}
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		if as.Credential, err = credential("postgres"); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	create := exec.CommandContext(ctx, initdb, "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C")
	create.Dir, create.SysProcAttr = dir, as
	if _, err := output(create); err != nil {
		return nil, err
	}
	cmd := exec.Command(postgres, "-D", data, "-k", dir, "-c", "listen_addresses=")
	cmd.Dir, cmd.SysProcAttr = dir, as
	return startDaemon(cmd)
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
