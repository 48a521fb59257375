// Command peers measures Teamtask side by side with the systems people would otherwise use, on one machine and in one run.
//
// The job is the same for all: a number of tasks with no work in them, shared out to 64 workers, every completion
// acknowledged. What is measured is how many tasks a second are drained; putting them in is not. The commands that need no
// server run the program true for each task, two at a time.
//
// Every peer is the real one, with its fast path as documented: tasks are inserted and fetched in batches where the peer can,
// and each server has the machine to itself while it is measured. How many tasks there are differs, so that each takes a few
// seconds. All are measured once in every round, and a ratio is that of one round: what slows the machine down for a while
// slows both sides. The figures are the medians of the rounds. A completion that may be forgotten is cheaper than one that is
// on disk, so each row says which it was.
//
//	go run . -teamtask ../../bin/teamtask
//
// What is not a Go module is installed by install.sh. A peer that cannot be measured is reported, and the exit code is 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// workers is how many workers the tasks are shared out to, where there is a server.
const workers = 64

// A measurement that has not ended by then never will.
const limit = time.Minute

func main() {
	teamtask := flag.String("teamtask", "../../bin/teamtask", "the teamtask command to measure")
	rounds := flag.Int("rounds", 3, "how often each is measured; the figures are the medians")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *teamtask, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, teamtask string, rounds int) error {
	if rounds < 1 {
		return fmt.Errorf("-rounds is %d: it must be at least 1", rounds)
	}
	teamtask, err := filepath.Abs(teamtask) // the commands are run in directories of their own
	if err != nil {
		return err
	}
	if _, err := os.Stat(teamtask); err != nil {
		return fmt.Errorf("-teamtask: %w: build it with: make build", err)
	}
	if err := describeMachine(os.Stdout, teamtask); err != nil {
		return err
	}
	tables := []*table{
		{title: fmt.Sprintf("With a server, %d workers", workers), rows: servers(teamtask)},
		{title: "Without a server, the program true for each task, 2 at a time", rows: commands(teamtask)},
	}
	for round := range rounds {
		for _, t := range tables {
			for _, r := range t.rows {
				if r.err != nil {
					continue
				}
				r.measure(ctx)
				if ctx.Err() != nil {
					return errors.New("interrupted")
				}
				fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, rounds, r.progress())
			}
		}
	}
	var failed int
	for _, t := range tables {
		if err := t.write(os.Stdout); err != nil {
			return err
		}
		failed += t.failed()
	}
	if failed > 0 {
		return fmt.Errorf("%d of the rows could not be measured", failed)
	}
	return nil
}

func servers(teamtask string) []*row {
	return []*row{
		teamtaskServer(teamtask, 1, 1, 40_000),
		teamtaskServer(teamtask, 1, 1_000, 1_000_000),
		teamtaskServer(teamtask, 1_000, 16, 500_000_000),
		riverOnPostgres(workers, 30_000),
		riverOnPostgres(2_000, 50_000),
		asynqOnRedis("always", 20_000),
		asynqOnRedis("everysec", 40_000),
		jetStream(true, 1, 6_000),
		jetStream(true, 1_000, 12_000),
		jetStream(false, 1, 30_000),
		jetStream(false, 1_000, 300_000),
	}
}

func commands(teamtask string) []*row {
	return []*row{
		teamtaskRun(teamtask, 2_000),
		parallel(false, 600),
		parallel(true, 600),
		xargs(2_000),
	}
}
