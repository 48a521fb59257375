package watchdog_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cgroup/cgrouptest"
	"teamtask.dev/ozymandias/watchdog"
	"teamtask.dev/uptime"
)

// The test's own program is the watchdog when it is told so.
func TestMain(m *testing.M) {
	watchdog.SetAnswerWithin(20 * time.Second)
	watchdog.SetStartWithin(patience)
	if socket := os.Getenv("WATCHDOG_SOCKET"); socket != "" {
		if linger, err := time.ParseDuration(os.Getenv("WATCHDOG_LINGER")); err == nil {
			watchdog.SetLinger(linger)
		}
		if within := os.Getenv("WATCHDOG_WITHIN"); within != "" { // as what starts it would be
			unit, err := cgroup.Find(within)
			if err == nil {
				err = unit.Enter()
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		until, err := strconv.ParseInt(os.Getenv("WATCHDOG_UNTIL"), 10, 64)
		group, find := cgroup.Find(os.Getenv("WATCHDOG_GROUP"))
		if err != nil || find != nil {
			fmt.Fprintln(os.Stderr, err, find)
			os.Exit(1)
		}
		if err := watchdog.Guard(context.Background(), socket, group, time.Duration(until)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A kennel has watchdogs for one control group, and a program to be watched.
type kennel struct {
	*testing.T
	socket, path string
	group        cgroup.Group
	enter        func(int)
	linger       time.Duration
	within       string      // the control group that its watchdogs are started in, or ""
	broken       atomic.Bool // none can be started
	stuck        bool        // those that are started stop before they listen
	stderr       *os.File    // its watchdogs'
	dogs         []*exec.Cmd
}

func newKennel(t *testing.T) *kennel {
	path, enter := cgrouptest.Make(t, "watched")
	group, err := cgroup.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	return &kennel{T: t, socket: filepath.Join(t.TempDir(), "watchdog.sock"), path: path, group: group, enter: enter, stderr: os.Stderr}
}

func (k *kennel) attach() *watchdog.Dog {
	k.Helper()
	dog, err := watchdog.Attach(k.Context(), k.socket, 0, k.command)
	if err != nil {
		k.Fatal(err)
	}
	return dog
}

// command runs a watchdog.
func (k *kennel) command(until time.Duration) *exec.Cmd {
	if k.broken.Load() {
		return exec.Command("false")
	}
	command := exec.Command(os.Args[0])
	if k.stuck {
		command = exec.Command("sh", "-c", `kill -STOP $$; exec sleep 1000`)
	}
	command.Env = append(os.Environ(), "WATCHDOG_SOCKET="+k.socket, "WATCHDOG_GROUP="+k.path,
		"WATCHDOG_UNTIL="+strconv.FormatInt(int64(until), 10), "WATCHDOG_LINGER="+k.linger.String(), "WATCHDOG_WITHIN="+k.within)
	command.Stderr = k.stderr
	k.dogs = append(k.dogs, command)
	return command
}

// deaf is a program that takes no signal but SIGKILL.
func deaf() *exec.Cmd {
	return exec.Command("sh", "-c", `trap '' TERM; read go; echo started; while :; do sleep 1000; done`)
}

// program starts one, and returns what closes when it has ended.
func (k *kennel) program() <-chan struct{} {
	k.Helper()
	command := deaf()
	cgrouptest.Start(k.T, command, k.enter)
	return waited(command)
}

// doomed starts one that the watchdog may end before it can say that it was started.
func (k *kennel) doomed() <-chan struct{} {
	k.Helper()
	command := deaf()
	if _, err := command.StdinPipe(); err != nil {
		k.Fatal(err)
	}
	if err := command.Start(); err != nil {
		k.Fatal(err)
	}
	k.enter(command.Process.Pid)
	return waited(command)
}

func waited(command *exec.Cmd) <-chan struct{} {
	ended := make(chan struct{})
	go func() { defer close(ended); command.Wait() }()
	return ended
}

func (k *kennel) until(dog *watchdog.Dog, from time.Duration) {
	k.Helper()
	if err := dog.Until(k.Context(), uptime.Now()+from); err != nil {
		k.Fatal(err)
	}
}

// replace has a dog, whose watchdog hears nothing any more, find that out soon, and another one hear it; as the node does, it tells it until it
// is heard.
func (k *kennel) replace(dog *watchdog.Dog, from time.Duration) {
	k.Helper()
	watchdog.SetAnswerWithin(time.Second)
	defer watchdog.SetAnswerWithin(20 * time.Second)
	ctx, heard := context.WithTimeout(k.Context(), patience)
	defer heard()
	last := errors.New("it was never told")
	dog.Tell(uptime.Now() + from)
	dog.Run(ctx, func(_ time.Duration, err error) {
		if last = err; err == nil {
			heard()
		}
	})
	if last != nil {
		k.Fatal(last)
	}
}

// patience is how long anything may take on a slow and busy machine.
const patience = 3 * time.Minute

// await waits until something is so.
func (k *kennel) await(what string, so func() bool) {
	k.Helper()
	for began := time.Now(); !so(); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			k.Fatalf("never so: %s", what)
		}
	}
}

// unheard waits until a watchdog that was sent a signal has ended or stopped: that takes a moment.
func (k *kennel) unheard(dog *exec.Cmd) {
	k.Helper()
	k.await("the watchdog hears nothing", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", dog.Process.Pid))
		return err != nil || strings.Contains(string(stat), ") T ") || strings.Contains(string(stat), ") Z ")
	})
}

// gone waits until a watchdog has ended.
func (k *kennel) gone(dog *exec.Cmd) {
	k.Helper()
	k.await("the watchdog has ended", func() bool { return k.ended(dog) })
}

// over waits until a program has ended.
func (k *kennel) over(ended <-chan struct{}) {
	k.Helper()
	k.await("the program has ended", func() bool { return !running(ended) })
}

func (k *kennel) ended(dog *exec.Cmd) bool { return syscall.Kill(dog.Process.Pid, 0) != nil }

// zombie tells whether a process has ended and was not waited for.
func zombie(command *exec.Cmd) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", command.Process.Pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func running(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return false
	default:
		return true
	}
}

// What runs is left alone as long as the time lies ahead, and ended when it has passed; also what is started after that.
func TestTimePasses(t *testing.T) {
	k := newKennel(t)
	dog := k.attach()
	k.until(dog, time.Hour)
	first := k.program()
	k.until(dog, 2*time.Hour)
	if !running(first) {
		t.Fatal("ended before its time")
	}
	k.until(dog, 0)
	k.over(first)
	k.over(k.doomed())
	k.until(dog, time.Hour)
	second := k.program()
	if err := dog.Dismiss(); err != nil {
		t.Fatal(err)
	}
	k.gone(k.dogs[0])
	if !running(second) {
		t.Error("ended by a watchdog that was told to go")
	}
}

// A watchdog just started ends everything until it is told otherwise: the node has not said that it may run anything.
func TestNothingMayRunYet(t *testing.T) {
	k := newKennel(t)
	program := k.program()
	defer k.attach().Leave()
	k.over(program)
}

// The node's process ends, however it does; the watchdog goes on, and keeps to the time. It ends when all is done.
func TestNodeIsGone(t *testing.T) {
	k := newKennel(t)
	dog := k.attach()
	k.until(dog, time.Hour)
	program := k.program()
	k.until(dog, time.Second)
	dog.Leave()
	k.over(program)
	cgrouptest.Empty(t, k.group)
	k.gone(k.dogs[0])
}

// A node that is started anew finds the watchdog that is there.
func TestNodeComesBack(t *testing.T) {
	k := newKennel(t)
	dog := k.attach()
	k.until(dog, time.Hour)
	program := k.program()
	dog.Leave()
	again := k.attach()
	if len(k.dogs) != 1 {
		t.Fatalf("%d watchdogs were started", len(k.dogs))
	}
	if !running(program) {
		t.Fatal("ended as the node came back")
	}
	k.until(again, 0)
	k.over(program)
	again.Leave()
}

// A watchdog that is killed is replaced when it is told the next time, and nothing is ended by that. One that is stopped is replaced
// as well, and when it wakes it leaves what runs to its successor.
func TestReplaced(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			k := newKennel(t)
			dog := k.attach()
			k.until(dog, time.Hour)
			program := k.program()
			const passes = 10 * time.Second // long enough for it to be stopped before
			if signal == syscall.SIGSTOP {
				k.until(dog, passes) // it wakes when that is over
			}
			old := k.dogs[0]
			if err := old.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			k.unheard(old)
			wake := uptime.Now() + passes
			k.replace(dog, time.Hour)
			if len(k.dogs) < 2 {
				t.Fatal("no other was started")
			}
			if signal == syscall.SIGSTOP {
				k.await("its time has passed", func() bool { return uptime.Now() >= wake })
				if err := old.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
			}
			k.gone(old)
			if !running(program) {
				t.Error("ended by a watchdog that was replaced")
			}
			k.until(dog, 0)
			k.over(program)
			dog.Leave()
		})
	}
}

// A replacement that neither answers nor ends is not waited for: whoever told it hears that nobody has heard, and starts another when it
// tells it again. Of those that are stuck one is left at most.
func TestReplacementIsStuck(t *testing.T) {
	k := newKennel(t)
	dog := k.attach()
	defer dog.Dismiss()
	k.until(dog, time.Hour)
	program := k.program()
	if err := k.dogs[0].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	k.gone(k.dogs[0])
	k.stuck = true
	watchdog.SetStartWithin(100 * time.Millisecond)
	defer watchdog.SetStartWithin(patience)
	for range 2 {
		told := make(chan error, 1)
		go func() { told <- dog.Until(t.Context(), uptime.Now()+time.Hour) }()
		select {
		case err := <-told:
			if err == nil {
				t.Fatal("it was heard by nobody, and said to be heard")
			}
		case <-time.After(patience):
			t.Fatal("it waits for a watchdog that is stuck")
		}
	}
	if len(k.dogs) != 3 {
		t.Fatalf("%d were started, want 3", len(k.dogs))
	}
	defer k.dogs[2].Process.Kill()
	k.gone(k.dogs[1])
	k.stuck = false
	watchdog.SetStartWithin(patience)
	k.until(dog, time.Hour)
	if !running(program) {
		t.Error("ended as no other watchdog could be started")
	}
}

// What ends the node ends its control group, as systemd does with a unit's, or tells all processes to end. The watchdog is not among them.
func TestUnitEnds(t *testing.T) {
	k := newKennel(t)
	path, _ := cgrouptest.Make(t, "unit")
	unit, err := cgroup.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	k.within = path
	dog := k.attach()
	k.until(dog, time.Hour)
	program := k.program()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		if err := k.dogs[0].Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	if err := unit.Kill(); err != nil {
		t.Fatal(err)
	}
	cgrouptest.Empty(t, unit)
	k.until(dog, 0)
	k.over(program)
	if len(k.dogs) != 1 {
		t.Error("the watchdog ended with the unit")
	}
	if err := dog.Dismiss(); err != nil {
		t.Error(err)
	}
}

// Two processes of a node start a watchdog each, at the same moment. One of the two goes, and the other is found.
func TestTwoAtOnce(t *testing.T) {
	k := newKennel(t)
	for range 2 {
		command := k.command(uptime.Now() + time.Hour)
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		defer command.Wait()
		defer command.Process.Kill()
	}
	first, second := k.dogs[0], k.dogs[1]
	k.await("one of the two has ended", func() bool { return zombie(first) || zombie(second) })
	dog := k.attach()
	defer dog.Dismiss()
	if len(k.dogs) != 2 {
		t.Error("neither was found")
	}
	if zombie(first) && zombie(second) {
		t.Error("both have gone")
	}
}

// A watchdog that could not end something tries again, also if nobody hears it complain.
func TestComplainsToNobody(t *testing.T) {
	k := newKennel(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	k.stderr = writer
	// In place of a control group, a directory in which nothing can be ended without reading a list of processes.
	at, err := filepath.Rel(cgrouptest.Root(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	k.path = filepath.Join(at, "group")
	dir := filepath.Join(cgrouptest.Root(t), k.path)
	if err := os.MkdirAll(filepath.Join(dir, "cgroup.kill"), 0o755); err != nil {
		t.Fatal(err)
	}
	dog := k.attach()
	defer dog.Dismiss()
	for range 2 {
		list := filepath.Join(dir, "cgroup.procs")
		if err := syscall.Mkfifo(list, 0o600); err != nil {
			t.Fatal(err)
		}
		k.await("it tries", func() bool {
			pipe, err := os.OpenFile(list, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				return false // nobody reads it
			}
			defer pipe.Close()
			if err := os.Remove(list); err != nil { // the next one is of another try
				t.Fatal(err)
			}
			_, err = io.WriteString(pipe, "no process")
			return err == nil
		})
	}
}

// A start that was under way in podman may come when nothing runs any more: the watchdog waits for it a while.
func TestLingers(t *testing.T) {
	k := newKennel(t)
	k.linger = time.Hour
	dog := k.attach()
	dog.Leave()
	k.over(k.doomed())
	k.over(k.doomed())
	if k.ended(k.dogs[0]) {
		t.Error("the watchdog has gone")
	}
	if err := k.attach().Dismiss(); err != nil {
		t.Error(err)
	}
}

// Whoever tells a time never waits, and of several the last one counts.
func TestNewestWins(t *testing.T) {
	k := newKennel(t)
	dog := k.attach()
	k.until(dog, time.Hour)
	program := k.program()
	for i := range 1000 {
		dog.Tell(uptime.Now() + time.Duration(i)*time.Hour)
	}
	last := uptime.Now() + 1000*time.Hour
	dog.Tell(last)
	ctx, cancel := context.WithCancel(t.Context())
	var heard []time.Duration
	dog.Run(ctx, func(until time.Duration, err error) {
		if heard = append(heard, until); err != nil || until == last {
			cancel()
		}
	})
	if len(heard) != 1 || heard[0] != last {
		t.Errorf("it was told %v, want %v alone", heard, last)
	}
	if !running(program) {
		t.Error("ended before its time")
	}
	// One that cannot be told, as it is gone and no other can be started, is told as soon as one can be.
	if err := dog.Dismiss(); err != nil {
		t.Fatal(err)
	}
	k.gone(k.dogs[0])
	k.broken.Store(true)
	dog.Tell(last)
	ctx, cancel = context.WithCancel(t.Context())
	failed := false
	dog.Run(ctx, func(until time.Duration, err error) {
		if err == nil {
			cancel()
		}
		failed = failed || err != nil
		k.broken.Store(false)
	})
	if !failed {
		t.Error("it was heard by nobody, and said to be heard")
	}
	if err := dog.Dismiss(); err != nil {
		t.Error(err)
	}
}
