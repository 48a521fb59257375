package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/health"
	"teamtask.dev/ozymandias/job"
)

// seconds is a duration of a job.
func seconds(n float64) job.Duration { return job.Duration(n * float64(time.Second)) }

// command is a check as a job has it after its Default.
func command(change ...func(*job.Healthcheck)) job.Healthcheck {
	check := &job.Healthcheck{Type: job.Exec, Command: job.Words{"check"}}
	for _, c := range change {
		c(check)
	}
	j := job.Job{Containers: map[string]job.Container{"app": {Healthcheck: check}}}.Default()
	return *j.Containers["app"].Healthcheck
}

// told watches for two minutes less a second and returns what was said, with the seconds after the beginning.
func told(t *testing.T, check job.Healthcheck, run func(ctx context.Context, after time.Duration) (int, string, error)) []string {
	t.Helper()
	return toldOf(t, false, check, run)
}

// toldOf does that of a container that was well before, or not.
func toldOf(t *testing.T, well bool, check job.Healthcheck, run func(ctx context.Context, after time.Duration) (int, string, error)) (told []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 119*time.Second)
		defer cancel()
		begun := time.Now()
		target := health.Target{Well: well, Exec: func(ctx context.Context, _ []string) (int, string, error) { return run(ctx, time.Since(begun)) }}
		health.Watch(ctx, check, target, func(v health.Verdict) {
			word := "well"
			if !v.Healthy {
				word = "unwell"
			}
			told = append(told, fmt.Sprint(time.Since(begun), " ", word))
		})
	})
	return told
}

// When verdicts are given: the codes are those of the checks that begin in each second after the start.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		check job.Healthcheck
		codes map[time.Duration]int // from this second on
		want  []string
	}{
		{"well at once", command(), nil, []string{"0s well"}},
		{"as soon as it can be", command(func(h *job.Healthcheck) { h.Interval = seconds(60) }), map[time.Duration]int{0: 1, 7: 0}, []string{"7s well"}},
		{"well only after so many successes", command(func(h *job.Healthcheck) { h.HealthyThreshold, h.Interval = 3, seconds(60) }), nil, []string{"2s well"}},
		{"successes in a row", command(func(h *job.Healthcheck) { h.HealthyThreshold = 3 }), map[time.Duration]int{2: 1, 3: 0}, []string{"5s well"}},
		{"unwell after so many intervals", command(), map[time.Duration]int{0: 1}, []string{"30s unwell"}},
		{"unwell after the first", command(func(h *job.Healthcheck) { h.UnhealthyThreshold = 1 }), map[time.Duration]int{0: 1}, []string{"10s unwell"}},
		{"unwell after the start period", command(func(h *job.Healthcheck) { h.StartPeriod = seconds(60) }), map[time.Duration]int{0: 1}, []string{"1m20s unwell"}},
		{"a success ends the start period", command(func(h *job.Healthcheck) { h.StartPeriod = seconds(60) }), map[time.Duration]int{0: 1, 5: 0, 6: 1}, []string{"5s well", "35s unwell"}},
		{"unwell later", command(), map[time.Duration]int{50: 1}, []string{"0s well", "1m10s unwell"}},
		{"failures in a row", command(), map[time.Duration]int{50: 1, 65: 0, 75: 1, 95: 0}, []string{"0s well"}},
		{"well again", command(func(h *job.Healthcheck) { h.HealthyThreshold = 2 }), map[time.Duration]int{15: 1, 55: 0}, []string{"1s well", "41s unwell", "1m11s well"}},
		{"well after all", command(), map[time.Duration]int{0: 1, 45: 0}, []string{"30s unwell", "50s well"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code := 0
			got := told(t, c.check, func(_ context.Context, after time.Duration) (int, string, error) {
				for at := range after/time.Second + 1 {
					if now, changed := c.codes[at]; changed {
						code = now
					}
				}
				return code, "", nil
			})
			if !slices.Equal(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// What begins to listen some tenths of a second after its start is found well then, not a second after the start.
func TestWellSoon(t *testing.T) {
	socket, bound := nobody(t)
	address := netip.MustParseAddrPort(bound.String())
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		time.AfterFunc(300*time.Millisecond, func() {
			if err := unix.Listen(socket, 10); err != nil { // the kernel takes connections, as many as wait to be accepted
				t.Error(err)
			}
		})
		check := command(func(h *job.Healthcheck) {
			h.Type, h.Port, h.Command, h.HealthyThreshold = job.TCP, int(address.Port()), nil, 2
		})
		var told []string
		health.Watch(ctx, check, health.Target{Address: address.Addr()}, func(v health.Verdict) {
			told = append(told, fmt.Sprint(time.Since(begun), v))
		})
		// The second success is a second after the first.
		if want := []string{"1.4s {true }"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// A check that takes too long has failed, and puts off the next: there are never two at once.
func TestSlowChecks(t *testing.T) {
	running := 0
	var begun []string
	check := command(func(h *job.Healthcheck) { h.Timeout, h.UnhealthyThreshold = seconds(25), 2 })
	got := told(t, check, func(ctx context.Context, after time.Duration) (int, string, error) {
		begun = append(begun, after.String())
		if running++; running > 1 {
			t.Error("two checks at once")
		}
		<-ctx.Done()
		running--
		return 0, "", ctx.Err()
	})
	if want := []string{"1m15s unwell"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if want := []string{"0s", "25s", "50s", "1m15s", "1m40s"}; !slices.Equal(begun, want) {
		t.Errorf("checks began at %q, want %q", begun, want)
	}
}

// Checks go on at their interval whatever they take of it.
func TestInterval(t *testing.T) {
	var begun []string
	told(t, command(func(h *job.Healthcheck) { h.Interval = seconds(30) }), func(_ context.Context, after time.Duration) (int, string, error) {
		begun = append(begun, after.String())
		time.Sleep(3 * time.Second)
		return 0, "", nil
	})
	if want := []string{"0s", "30s", "1m0s", "1m30s"}; !slices.Equal(begun, want) {
		t.Errorf("checks began at %q, want %q", begun, want)
	}
}

// What is not the container's fault makes none unwell that was well once; but it is said why one does not become well.
func TestNoFaultOfTheContainer(t *testing.T) {
	away := errors.New("podman does not answer")
	got := told(t, command(), func(_ context.Context, after time.Duration) (int, string, error) {
		if after > 20*time.Second {
			return 0, "", away
		}
		return 0, "", nil
	})
	if want := []string{"0s well"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	got = told(t, command(), func(context.Context, time.Duration) (int, string, error) { return 0, "", away })
	if want := []string{"30s unwell"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// What was found well by an earlier process of the node is taken up as that: it is not starting any more, podman's faults are not its own, and
// nothing is said before it is unwell.
func TestWellBefore(t *testing.T) {
	codes := func(code int, err error) func(context.Context, time.Duration) (int, string, error) {
		return func(context.Context, time.Duration) (int, string, error) { return code, "", err }
	}
	starting := command(func(h *job.Healthcheck) { h.StartPeriod = seconds(60) })
	for _, c := range []struct {
		name  string
		check job.Healthcheck
		run   func(context.Context, time.Duration) (int, string, error)
		want  []string
	}{
		{"it is still well", command(), codes(0, nil), nil},
		{"podman does not answer", command(), codes(0, errors.New("podman does not answer")), nil},
		{"it is not well any more", starting, codes(1, nil), []string{"20s unwell"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := toldOf(t, true, c.check, c.run); !slices.Equal(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// Watch ends with its context, also in the middle of a check, and says nothing of that.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			target := health.Target{Exec: func(ctx context.Context, _ []string) (int, string, error) {
				<-ctx.Done()
				return 0, "", nil
			}}
			health.Watch(ctx, command(), target, func(v health.Verdict) { t.Errorf("told %+v", v) })
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("Watch goes on")
		}
	})
}

// What a command says about a fault is passed on, as one line that can be shown.
func TestCommandMessages(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range []struct {
		name    string
		command job.Words
		code    int
		output  string
		err     error
		want    string
	}{
		{"nothing", job.Words{"pg_isready", "-U", "me"}, 2, "", nil, "pg_isready -U me: ended with 2"},
		{"the last line", job.Words{"check"}, 1, "first\nsecond\r\n\n", nil, "check: ended with 1: second"},
		{"no text", job.Words{"check"}, 1, "\x1b[31mred\xff\n", nil, "check: ended with 1:  [31mred�"},
		{"a script", job.Words{"sh", "-c", "a\nb " + long}, 1, "no", nil, "sh -c a b " + long[:90] + "…: ended with 1: no"},
		{"much", job.Words{"check"}, 1, long, nil, ("check: ended with 1: " + long)[:300] + "…"},
		{"podman's fault", job.Words{"check"}, 0, "", errors.New("podman does not answer"), "check: podman does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := command(func(h *job.Healthcheck) { h.Command, h.UnhealthyThreshold = c.command, 1 })
			var got string
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				target := health.Target{Exec: func(_ context.Context, command []string) (int, string, error) {
					if !slices.Equal(command, c.command) {
						t.Errorf("the command is %q, want %q", command, c.command)
					}
					return c.code, c.output, c.err
				}}
				health.Watch(ctx, check, target, func(v health.Verdict) { got = v.Message; cancel() })
			})
			if got != c.want {
				t.Errorf("the message is %q, want %q", got, c.want)
			}
		})
	}
}
