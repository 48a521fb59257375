package watchdog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// answerWithin is how long a watchdog may take to answer: it has nothing else to do, and goes before all others on the processor. One that
// does not is replaced while there is time.
var answerWithin = 300 * time.Millisecond

// startWithin is how long one that is started may take until it answers. One that does not, and does not end either, is stuck: whoever waited on
// for it would tell nobody how long to wait, and not know that nobody hears. The first has longer: a machine that has just been started
// reads the program from its disk, and for who gives up then nobody tries again.
var startWithin = 2 * time.Second

const firstTakes = 5 // times as long

// again is how long to wait before a watchdog is told once more what it has not heard.
const again = 100 * time.Millisecond

// A Dog is a watchdog, seen from the node that tells it how long to wait.
type Dog struct {
	socket string
	start  func(until time.Duration) *exec.Cmd
	newest chan time.Duration // what Run is to pass on; of more than one, the last

	mu         sync.Mutex
	late       *os.Process // that was started last of those that did not answer in time
	connection net.Conn
	answers    *bufio.Reader
}

// Attach finds the watchdog that an earlier process of this node left, by its socket, or starts one. start makes the command that
// runs [Guard] with a first time; it is run in a session of its own, so that what ends the node does not end it.
//
// until is the time that one which is started goes by at first: when the lease that was taken up ends, or 0 if there is none, which
// ends everything. One that was found goes by the time it was told last, up to the first call of [Dog.Until].
func Attach(ctx context.Context, socket string, until time.Duration, start func(until time.Duration) *exec.Cmd) (*Dog, error) {
	d := &Dog{socket: socket, start: start, newest: make(chan time.Duration, 1)}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d, d.attach(ctx, until, firstTakes*startWithin)
}

// Tell has Run tell the watchdog when to end everything. It never waits: of several times the last one counts.
func (d *Dog) Tell(until time.Duration) {
	for {
		select {
		case d.newest <- until:
			return
		case <-d.newest: // an earlier one that Run did not come to yet
		}
	}
}

// Run passes on what Tell is given until ctx ends, each time until the watchdog has heard it or there is a later one. told hears how each
// attempt ended. Nothing may be started before the first has succeeded; and if they fail until the time has almost come, whoever calls Run
// has to end everything itself.
func (d *Dog) Run(ctx context.Context, told func(until time.Duration, err error)) {
	var until time.Duration
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case until = <-d.newest:
		case <-retry:
		}
		err := d.Until(ctx, until)
		if retry = nil; err != nil {
			retry = time.After(again)
		}
		told(until, err)
	}
}

// Until tells the watchdog when to end everything, by package uptime. If it does not answer another is started, with that time.
func (d *Dog) Until(ctx context.Context, until time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.order(fmt.Sprintf("until %d", until.Nanoseconds())); err == nil {
		return nil
	}
	if err := d.attach(ctx, until, startWithin); err != nil {
		return err
	}
	return d.order(fmt.Sprintf("until %d", until.Nanoseconds()))
}

// Dismiss ends the watchdog: nothing runs that it would have to end.
func (d *Dog) Dismiss() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.detach()
	return d.order("go")
}

// Leave lets go of the watchdog, which goes on by the time it was told last.
func (d *Dog) Leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.detach()
}

// attach connects to a watchdog that answers, and starts one if there is none, which is to answer within a time.
func (d *Dog) attach(ctx context.Context, until, within time.Duration) error {
	if d.connect() == nil {
		return nil
	}
	command := d.start(until)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start the watchdog: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }() // ends with the watchdog, which may be after this process
	enough := time.NewTimer(within)
	defer enough.Stop()
	for {
		if d.connect() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start the watchdog: %w", ctx.Err())
		case err := <-ended:
			return fmt.Errorf("the watchdog ended as soon as it was started: %w", err)
		case <-enough.C:
			// On a machine that is slow it may answer when the next one is started, and is found then. Of those that never do there is one.
			if d.late != nil {
				_ = d.late.Kill()
			}
			d.late = command.Process
			return fmt.Errorf("the watchdog that was started, process %d, does not answer within %s", command.Process.Pid, within)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (d *Dog) connect() error {
	d.detach()
	connection, err := net.DialTimeout("unix", d.socket, answerWithin)
	if err != nil {
		return err
	}
	d.connection, d.answers = connection, bufio.NewReader(connection)
	return d.order("hello") // one that is stopped lets itself be connected to
}

func (d *Dog) detach() {
	if d.connection != nil {
		d.connection.Close()
		d.connection = nil
	}
}

// order gives an order and waits for the answer.
func (d *Dog) order(order string) error {
	if d.connection == nil {
		return fmt.Errorf("tell the watchdog: %w", os.ErrClosed)
	}
	if err := d.connection.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return fmt.Errorf("tell the watchdog: %w", err)
	}
	if _, err := fmt.Fprintln(d.connection, order); err != nil {
		return fmt.Errorf("tell the watchdog: %w", err)
	}
	answer, err := d.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("hear from the watchdog: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return errors.New("the watchdog refused: " + answer)
	}
	return nil
}
