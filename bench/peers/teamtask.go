package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// teamtaskServer is `teamtask bench`, which starts a server of its own and drives it from a process of its own.
func teamtaskServer(teamtask string, blockSize, batch, tasks int) *row {
	r := &row{
		tasks:   tasks,
		durable: "yes: fsync before the answer",
		drain: func(ctx context.Context, dir string, tasks int) (time.Duration, error) {
			cmd := exec.CommandContext(ctx, teamtask, "bench", "--workers", strconv.Itoa(workers), "--items", strconv.Itoa(tasks),
				"--block-size", strconv.Itoa(blockSize), "--batch", strconv.Itoa(batch), "--limit", limit.String(), "-o", "json")
			cmd.Env = teamtaskEnvironment(dir)
			out, err := output(cmd)
			if err != nil {
				return 0, err
			}
			var report struct {
				Items   int
				Seconds float64
				Durable bool
			}
			if err := json.Unmarshal(out, &report); err != nil {
				return 0, fmt.Errorf("read the report of teamtask bench: %w", err)
			}
			if report.Items != tasks || !report.Durable {
				return 0, fmt.Errorf("teamtask did %d of %d tasks, durable %t", report.Items, tasks, report.Durable)
			}
			return time.Duration(report.Seconds * float64(time.Second)), nil
		},
	}
	switch {
	case blockSize > 1:
		r.name = fmt.Sprintf("teamtask, blocks of %s tasks, %s blocks a call", grouped(blockSize), grouped(batch))
		r.column = "teamtask, blocks of " + grouped(blockSize)
	case batch > 1:
		r.name = fmt.Sprintf("teamtask, blocks of 1 task, %s blocks a call", grouped(batch))
		r.column = fmt.Sprintf("teamtask, %s a call", grouped(batch))
	default:
		r.name = "teamtask, a call for each task"
		r.column = "teamtask, 1 a call"
	}
	return r
}

// teamtaskRun is `teamtask run`, which keeps its progress on disk and goes on where it stopped.
func teamtaskRun(teamtask string, tasks int) *row {
	return &row{
		name:    "teamtask run -j 2",
		column:  "teamtask",
		tasks:   tasks,
		durable: "yes: goes on where it stopped",
		drain: func(ctx context.Context, dir string, tasks int) (time.Duration, error) {
			cmd := exec.CommandContext(ctx, teamtask, "run", "-j", "2", "--state", filepath.Join(dir, "state"),
				"--range", fmt.Sprintf("1..%d", tasks), "--", "true")
			cmd.Env = teamtaskEnvironment(dir)
			return timed(cmd)
		},
	}
}

// teamtaskEnvironment keeps teamtask in dir, and away from a server that the user has elsewhere.
func teamtaskEnvironment(dir string) []string {
	return append(os.Environ(), "TMPDIR="+dir, "TEAMTASK_SERVER=", "TEAMTASK_TOKEN=")
}

// timed is how long a command runs.
func timed(cmd *exec.Cmd) (time.Duration, error) {
	begun := time.Now()
	_, err := output(cmd)
	return time.Since(begun), err
}
