package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// parallel is GNU parallel. With a job log it can go on where it stopped (--resume).
func parallel(joblog bool, tasks int) *row {
	r := &row{
		name:    "GNU parallel -j2",
		tasks:   tasks,
		durable: "no",
		drain: func(ctx context.Context, dir string, tasks int) (time.Duration, error) {
			path, err := tool("parallel", "parallel")
			if err != nil {
				return 0, err
			}
			args := []string{"-j2"}
			if joblog {
				args = append(args, "--joblog", filepath.Join(dir, "joblog"))
			}
			cmd := exec.CommandContext(ctx, path, append(append(args, "true", ":::"), numbers(tasks)...)...)
			cmd.Env = append(os.Environ(), "PARALLEL_HOME="+dir, "TMPDIR="+dir)
			return timed(cmd)
		},
	}
	if joblog {
		r.name += " --joblog"
		r.durable = "no: a log without fsync"
	}
	return r
}

// xargs is xargs, which does nothing but start processes: the most there is to be had.
func xargs(tasks int) *row {
	return &row{
		name:    "xargs -P2 -n1",
		tasks:   tasks,
		durable: "no",
		drain: func(ctx context.Context, _ string, tasks int) (time.Duration, error) {
			path, err := tool("xargs", "findutils")
			if err != nil {
				return 0, err
			}
			cmd := exec.CommandContext(ctx, path, "-P2", "-n1", "true")
			cmd.Stdin = strings.NewReader(strings.Join(numbers(tasks), "\n"))
			return timed(cmd)
		},
	}
}

// numbers are 1 to n.
func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(i + 1)
	}
	return out
}
