package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// apart measures in another process, and returns the outcomes there are when that has ended or used up its time.
func apart(ctx context.Context, s strategy, at size, limit time.Duration) ([]outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-strategy", s.name, "-limit", limit.String(),
		"-workloads", strconv.Itoa(at.workloads), "-workers", strconv.Itoa(at.workers),
		"-churn", strconv.Itoa(at.churn), "-times", strconv.Itoa(at.times))
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	outcomes := decode(&out)
	if err != nil && cmd.ProcessState.ExitCode() != outOfTime {
		line, _, _ := bytes.Cut(complaint.Bytes(), []byte("\n"))
		return outcomes, fmt.Errorf("%w: %s", err, line)
	}
	return outcomes, nil
}

// decode reads all outcomes that are whole: the last one may have been cut off.
func decode(r io.Reader) (outcomes []outcome) {
	in := json.NewDecoder(r)
	for {
		var o outcome
		if in.Decode(&o) != nil {
			return outcomes
		}
		outcomes = append(outcomes, o)
	}
}

// measureOne is what the other process does.
func measureOne(name string, at size, limit time.Duration) error {
	i := slices.IndexFunc(strategies, func(s strategy) bool { return s.name == name })
	if i < 0 {
		return fmt.Errorf("-strategy is %q: it must be one of those in the table", name)
	}
	if at.workloads < 1 || at.workers < 1 || at.churn < 1 {
		return fmt.Errorf("-workloads is %d, -workers %d and -churn %d: each must be at least 1", at.workloads, at.workers, at.churn)
	}
	if err := limitProcessorTime(limit); err != nil {
		return err
	}
	return measure(strategies[i], at, os.Stdout)
}

// outOfTime is the exit code of a process that has used up its processor time.
const outOfTime = 3

// limitProcessorTime has this process end when it has used as much.
func limitProcessorTime(limit time.Duration) error {
	spent := make(chan os.Signal, 1)
	signal.Notify(spent, unix.SIGXCPU)
	go func() {
		<-spent
		os.Exit(outOfTime)
	}()
	seconds := uint64(max(1, limit.Seconds()))
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds + 10}); err != nil {
		return fmt.Errorf("limit this process to %s: %w", limit, err)
	}
	return nil
}
