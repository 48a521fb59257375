package clock_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"teamtask.dev/test/clock"
	"teamtask.dev/uptime"
)

// asked is set for the process whose clock jumps: it tells the time whenever it is asked.
const asked = "CLOCK_TEST_ASKED"

func TestMain(m *testing.M) {
	if os.Getenv(asked) != "" {
		began := time.Now()
		go func() { // asks for the time all the time, as busy programs do
			for {
				_ = time.Now()
			}
		}()
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			now := time.Now()
			fmt.Println(now.UnixNano(), int64(now.Sub(began)), int64(uptime.Now()))
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The wall clock of a process jumps, forward and back, and its others do not; nor does ours.
func TestSet(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), asked+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}()
	for _, ahead := range []time.Duration{0, time.Hour, -24 * time.Hour, 0, 100 * 24 * time.Hour, time.Second, 0} {
		if err := clock.Set(c.Process.Pid, ahead); err != nil {
			t.Fatal(err)
		}
		before, up := time.Now(), uptime.Now()
		var wall, ran, booted int64
		if _, err := fmt.Fprintln(in); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanln(out, &wall, &ran, &booted); err != nil {
			t.Fatal(err)
		}
		after, upAfter := time.Now(), uptime.Now()
		if at := time.Unix(0, wall).Add(-ahead); at.Before(before.Round(0)) || at.After(after.Round(0)) {
			t.Errorf("%v ahead, the clock is %v, and ours %v", ahead, time.Unix(0, wall), before)
		}
		if most := after.Sub(began); time.Duration(ran) <= 0 || time.Duration(ran) > most {
			t.Errorf("%v ahead, %v have passed, of %v", ahead, time.Duration(ran), most)
		}
		if at := time.Duration(booted); at < up || at > upAfter {
			t.Errorf("%v ahead, the machine is up for %v, and for us since %v", ahead, at, up)
		}
	}
}

// What cannot be done is said.
func TestSetRefuses(t *testing.T) {
	if err := clock.Set(os.Getpid(), time.Millisecond); err == nil {
		t.Error("a millisecond is set")
	}
	if err := clock.Set(1<<30, time.Second); err == nil {
		t.Error("the clock of a process is set that there is not")
	}
}
