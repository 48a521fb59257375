package watchdog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/uptime"
)

// Whoever started a watchdog connects to it at once, or has ended before it could.
const connectsWithin = time.Minute

// linger is for how long a watchdog stays when nothing runs any more: a start that was under way in podman may come late.
var linger = time.Minute

// look is how often the clock is looked at. Timers stand still while the machine sleeps, so waiting for the whole time would not do.
const look = 50 * time.Millisecond

// Guard is the watchdog's process. It returns when it is told to go or ctx ends; when another watchdog has taken over the socket, as
// a node starts one if this does not answer; and when there is nothing left to watch: the time has passed, nothing has run in the group
// for a while, and nobody is connected. until is the first time, by package uptime.
//
// What ends the node is not to end it: it ignores signals that ask it to, and leaves the control group in which it was started, such as a
// systemd unit's, for one beside the group that it watches.
func Guard(ctx context.Context, socket string, group cgroup.Group, until time.Duration) error {
	signal.Ignore(unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGPIPE) // the last one if nobody hears any more what it says
	if err := group.Beside("watchdog").Enter(); err != nil {
		return fmt.Errorf("get out of the way of what ends the node: %w", err)
	}
	// Neither paging nor a shortage of memory or of processors is to keep it from its task. All need rights that a container may lack.
	_ = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, -20) // of all its threads: setsid has made it a group of its own

	listener, own, err := listen(socket)
	if err != nil {
		return fmt.Errorf("open the watchdog's socket: %w", err)
	}
	defer own.Close()
	ctx, done := context.WithCancel(ctx)
	g := &guard{until: until, group: group, done: done, left: uptime.Now() + connectsWithin}
	var served sync.WaitGroup
	served.Go(func() { g.accept(ctx, listener, &served) })
	defer served.Wait()
	defer listener.Close()
	defer done()
	return g.watch(ctx, func() bool {
		mine, err := own.Stat()
		if err != nil {
			return false
		}
		now, err := os.Stat(socket)
		return err != nil || !os.SameFile(mine, now)
	})
}

// listen opens the socket, in place of another watchdog's if there is one, and returns what tells it from a successor's. It is renamed into
// its place, so that of two that do this at once each knows which is its own, and one of them sees that it is not in place.
func listen(socket string) (listener net.Listener, own *os.File, err error) {
	aside := fmt.Sprintf("%s.%d", socket, os.Getpid())
	if err := os.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	if listener, err = net.Listen("unix", aside); err != nil {
		return nil, nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // it may be a successor's by then
	// As long as it is held open, a successor's socket cannot have the same number on the disk.
	if own, err = os.OpenFile(aside, unix.O_PATH, 0); err == nil {
		err = os.Rename(aside, socket)
	}
	if err != nil {
		own.Close()
		listener.Close()
		os.Remove(aside)
		return nil, nil, err
	}
	return listener, own, nil
}

type guard struct {
	group cgroup.Group
	done  context.CancelFunc

	ending sync.Mutex // held while everything is being ended: that may take seconds, in which others are answered all the same

	mu        sync.Mutex
	until     time.Duration
	connected int
	left      time.Duration // when the last one connected left; at first, by when one should have come
}

// watch ends everything whenever the time has passed, unless a successor does.
func (g *guard) watch(ctx context.Context, replaced func() bool) error {
	clock := time.NewTicker(look)
	defer clock.Stop()
	ran := uptime.Now() // when something was last seen in the group
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
		}
		g.mu.Lock()
		passed, alone := uptime.Now() >= g.until, g.connected == 0 && uptime.Now() >= g.left
		g.mu.Unlock()
		if replaced() {
			return nil // this one was stopped, and may know only of times long past
		}
		if !passed {
			continue
		}
		passed, err := g.end()
		if !passed {
			continue
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "watchdog:", err)
			continue // and try again
		}
		switch left, err := g.group.Processes(); {
		case err != nil || len(left) > 0:
			ran = uptime.Now()
		case alone && uptime.Now()-ran >= linger:
			return nil
		}
	}
}

// end ends everything, unless a later time has been taken just now. Who takes one meanwhile is not told so before this is over: what is started
// then is not to be ended.
func (g *guard) end() (passed bool, err error) {
	g.ending.Lock()
	defer g.ending.Unlock()
	g.mu.Lock()
	passed = uptime.Now() >= g.until
	g.mu.Unlock()
	if !passed {
		return false, nil
	}
	return true, g.group.Kill()
}

// take takes a time. If that is still to come, nothing is being ended any more when this returns.
func (g *guard) take(until time.Duration) {
	g.mu.Lock()
	g.until = until
	g.mu.Unlock()
	if uptime.Now() < until {
		g.ending.Lock() // which is had once the last one is over; the next sees the new time
		defer g.ending.Unlock()
	}
}

// accept serves whoever connects, one goroutine each.
func (g *guard) accept(ctx context.Context, listener net.Listener, served *sync.WaitGroup) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return // closed
		}
		served.Go(func() {
			stop := context.AfterFunc(ctx, func() { connection.Close() })
			defer stop()
			defer connection.Close()
			g.connect(+1)
			defer g.connect(-1)
			g.serve(connection)
		})
	}
}

func (g *guard) connect(one int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.connected += one
	g.left = uptime.Now()
}

// serve takes orders, one on a line, and answers each with a line: "ok", or what is wrong.
//
//	hello                whether it is there
//	until NANOSECONDS    the time, by package uptime; an earlier one than the last is taken too
//	go                   nothing is to be watched any more
func (g *guard) serve(connection io.ReadWriter) {
	for lines := bufio.NewScanner(connection); lines.Scan(); {
		order, rest, _ := strings.Cut(lines.Text(), " ")
		answer := "ok"
		switch order {
		case "until":
			at, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				answer = "not a time: " + rest
				break
			}
			g.take(time.Duration(at))
		case "hello", "go":
		default:
			answer = "unknown order: " + order
		}
		if _, err := fmt.Fprintln(connection, answer); err != nil {
			return
		}
		if order == "go" {
			g.done()
		}
	}
}
