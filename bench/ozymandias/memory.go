package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// rest measures the fourth node, which has no member of etcd, and the first, which has one, while nothing runs.
func (b *bench) rest(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	const while = 5 * time.Second
	var begun [2]time.Duration
	two := []*node{b.nodes[len(b.nodes)-1], b.nodes[0]}
	for i, n := range two {
		u, err := usageOf(n.process.Process.Pid)
		if err != nil {
			return err
		}
		begun[i] = u.processor
	}
	if err := sleep(ctx, while); err != nil {
		return err
	}
	for i, what := range []string{"a node without a member of etcd", "a node with one"} {
		u, err := usageOf(two[i].process.Process.Pid)
		if err != nil {
			return err
		}
		row(what+", idle: memory", u.memory(), map[int]string{0: "to be < 80 MB"}[i])
		row("  processor", fmt.Sprintf("%.2g %%", 100*(u.processor-begun[i]).Seconds()/while.Seconds()), "of one")
	}
	return nil
}

// memory measures the fourth node with instances.
func (b *bench) memory(ctx context.Context) error {
	const name = "many"
	if err := b.run(ctx, name, file(name, b.instances, "placement: {requires: {member: \"no\"}}")); err != nil {
		return err
	}
	if err := b.settle(ctx); err != nil {
		return err
	}
	n := b.nodes[len(b.nodes)-1]
	u, err := usageOf(n.process.Process.Pid)
	if err != nil {
		return err
	}
	row(fmt.Sprintf("a node without a member of etcd, %d instances: memory", b.instances), u.memory(), "to be < 80 MB")
	pids, err := n.machine.Processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil || pid == n.process.Process.Pid {
			continue
		}
		if of := strings.TrimSpace(string(command)); of == "podman" || of == "coredns" || of == "flanneld" || of == "ozymandias" {
			if u, err := usageOf(pid); err == nil {
				row("  beside it, "+map[bool]string{true: "its watchdog", false: of}[of == "ozymandias"], u.memory(), "")
			}
		}
	}
	return b.end(ctx, name)
}

// settle waits for what follows a change: collections of garbage, and memory given back.
func (b *bench) settle(ctx context.Context) error { return sleep(ctx, 3*time.Second) }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// A usage is what a process has taken: bytes now, processor time so far.
type usage struct {
	resident, private int64
	processor         time.Duration
}

// memory tells what is resident and, of this, what is the process's own rather than pages of the program's file.
func (u usage) memory() string {
	return fmt.Sprintf("%.0f MB, own %.0f", float64(u.resident)/1e6, float64(u.private)/1e6)
}

// usageOf reads it off /proc (proc_pid_smaps(5), proc_pid_stat(5)).
func usageOf(pid int) (u usage, err error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return u, err
	}
	for line := range bytes.Lines(rollup) {
		fields := strings.Fields(string(line))
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return u, err
		}
		switch fields[0] {
		case "Rss:":
			u.resident = n << 10
		case "Anonymous:":
			u.private = n << 10
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return u, errors.New("a line of /proc/PID/stat is too short")
	}
	const ticks = 100 // a second, on all Linux: sysconf(_SC_CLK_TCK)
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.processor += time.Duration(n) * time.Second / ticks
	}
	return u, nil
}
