package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/api/v1alpha1"
)

const length = 15 * time.Second // of the lease

// stage is a pool and one worker in it, which was granted a and b.
type stage struct {
	*testing.T
	*pool
	*crew
	slept atomic.Int64 // nanoseconds for which the worker's machine has slept
	begun time.Time
}

// onStage plays a story in a bubble.
func onStage(t *testing.T, story func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, pool: newPool(length, "a", "b"), begun: time.Now()}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() {
			defer close(served)
			s.pool.serve(ctx)
		}()
		s.crew = s.hire(ctx, "w", func() time.Duration { return time.Since(s.begun) + time.Duration(s.slept.Load()) })
		synctest.Wait()
		s.runs("a", "b")
		story(s)
		cancel()
		<-s.result
		<-served
		for _, w := range s.wrong {
			t.Error(w)
		}
	})
}

// runs checks what the worker runs.
func (s *stage) runs(want ...string) {
	s.Helper()
	if got := s.running(); !slices.Equal(got, want) {
		s.Errorf("after %s the worker runs %v, want %v", time.Since(s.begun), got, want)
	}
}

// at waits until a time after the beginning.
func (s *stage) at(d time.Duration) {
	time.Sleep(time.Until(s.begun.Add(d)))
	synctest.Wait()
}

// seat is where the worker sits, nil if it is not there.
func (s *stage) seat() (out *seat) {
	s.pool.do(func() {
		if at := s.seats["w"]; at != nil {
			out = &seat{at.incarnation, at.until, at.draining, at.trouble}
		}
	})
	return out
}

// acknowledged tells whether the worker has said that it runs its part.
func (s *stage) acknowledged() (yes bool) {
	s.pool.do(func() {
		part := s.record.Part("w")
		yes = part.Acknowledged == part.Version
	})
	return yes
}

func (s *stage) link(to link) { s.pool.do(func() { s.links["w"] = to }) }

// A worker that is cut off stops its workloads before the lease can have run out, and joins anew under a new incarnation.
func TestCutOff(t *testing.T) {
	for _, to := range []link{cut, hung} {
		onStage(t, func(s *stage) {
			s.link(to) // the lease was renewed at 0, to acknowledge
			s.at(length*2/3 - 1)
			s.runs("a", "b")
			s.at(length*2/3 + length/50)
			s.runs()
			s.link(up)
			s.at(2 * length)
			s.runs("a", "b")
			if s.incarnation != "w#2" || len(s.lost) != 1 || s.killed != 0 {
				s.Errorf("it is %s, lost %v, was killed %d times", s.incarnation, s.lost, s.killed)
			}
		})
	}
}

// What was given up is not taken up again: while the worker stops it does not renew its lease.
func TestGivenUp(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.slow = length }) // by itself it does not stop in time
		s.link(cut)
		s.at(length*2/3 + length/50)
		s.link(up)
		s.at(length*17/20 - 1)
		s.runs("a", "b")
		if seat := s.seat(); seat.until.After(s.begun.Add(length)) {
			s.Error("a worker that gave up has renewed its lease")
		}
		s.link(cut) // or it might have joined anew already
		s.at(length*17/20 + length/50)
		s.runs() // ended by force
		if s.killed != 0 {
			s.Error("it was killed, although Apply did what it was told")
		}
	})
}

// Where Apply hangs everything is killed before the lease can have run out.
func TestHangs(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.stuck = make(chan struct{}) })
		s.link(cut)
		s.at(length*9/10 - 1)
		s.runs("a", "b")
		s.at(length*9/10 + length/50)
		s.runs()
		if s.killed != 1 {
			s.Errorf("it was killed %d times", s.killed)
		}
	})
}

// Where the engine says that the session is over others may be at work already: nothing is waited for.
func TestLost(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.slow = time.Hour })
		s.at(time.Second)
		s.pool.do(func() { s.crew.do(func() { clear(s.pool.runs); delete(s.seats, "w") }) })
		synctest.Wait()
		s.runs()
		s.at(2 * time.Second)
		s.runs("a", "b")
		if s.incarnation != "w#2" || len(s.lost) != 1 || !errors.Is(s.lost[0], ErrLost) {
			s.Errorf("it is %s, and lost %v", s.incarnation, s.lost)
		}
	})
}

// Where the worker is late its lease is not renewed, but nobody else is at work yet: there is time to stop in order.
func TestOverdue(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.slow = 3 * time.Second })
		s.pool.do(func() { s.overdue = "w#1" })
		s.at(length/3 + 3*time.Second - 1)
		s.runs("a", "b")
		s.at(length/3 + 3*time.Second)
		s.runs()
		s.at(length/3 + 4*time.Second)
		s.runs("a", "b")
		if s.incarnation != "w#2" || len(s.lost) != 1 || !errors.Is(s.lost[0], ErrOverdue) || s.killed != 0 {
			s.Errorf("it is %s, lost %v, was killed %d times", s.incarnation, s.lost, s.killed)
		}
	})
}

// A worker that runs nothing is not ended by force, however long its program takes to say so: it joins anew.
func TestIdleAndSlow(t *testing.T) {
	for _, why := range []error{ErrLost, ErrOverdue} {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(length)
			ctx, cancel := context.WithCancel(t.Context())
			joined := 0
			o := Options{Log: slog.New(slog.DiscardHandler), Kill: func(why error) { t.Error("it was killed: ", why) }}
			o.Joined = func(time.Duration) {
				if joined++; joined == 2 {
					cancel()
					return
				}
				time.AfterFunc(time.Second, func() {
					p.do(func() {
						if p.overdue = "w#1"; why == ErrLost {
							p.leave("w")
						}
					})
				})
			}
			err := run(ctx, p, Worker{Name: "w"}, o, func(ctx context.Context, part v1alpha1.AssignmentSpec) error {
				if joined == 0 {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}, elapsed)
			if !errors.Is(err, context.Canceled) || joined != 2 {
				t.Errorf("it ends with %v, and has joined %d times", err, joined)
			}
		})
	}
}

// A worker that leaves keeps its lease until everything has stopped, however long that takes, and is gone at once.
func TestLeaves(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.slow = 3 * length })
		s.cancel()
		s.at(3*length - 1)
		s.runs("a", "b")
		if s.seat() == nil {
			s.Fatal("it has lost its lease")
		}
		s.at(3 * length)
		if err := <-s.result; !errors.Is(err, context.Canceled) {
			s.Errorf("it ends with %v", err)
		}
		s.result <- nil
		if s.seat() != nil {
			s.Error("it has not left")
		}
	})
}

// Where not everything can be stopped the lease is not kept for ever.
func TestCannotStop(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.fails = 1000 })
		s.cancel()
		s.at(length)
		s.runs()
		if s.killed != 1 || s.seat() != nil {
			s.Errorf("it was killed %d times, and is there: %t", s.killed, s.seat() != nil)
		}
	})
}

// A worker that is drained goes when others have what it had.
func TestDrained(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.slow = 2 * time.Second })
		other := s.hire(s.Context(), "x", func() time.Duration { return time.Since(s.begun) })
		s.at(3 * time.Second)
		s.drain()
		s.at(6 * time.Second)
		if err := <-s.result; err != nil {
			s.Errorf("it ends with %v", err)
		}
		s.result <- nil
		if got := other.running(); !slices.Equal(got, []string{"a", "b"}) {
			s.Errorf("the other runs %v", got)
		}
		other.cancel()
		<-other.result
	})
}

// A part that cannot be applied is not acknowledged, and tried again; the lease is kept meanwhile.
func TestFails(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.fails = 12 })
		s.pool.do(func() { s.workloads = s.workloads[:1] })
		s.at(2 * length)
		s.runs("a", "b")
		if s.acknowledged() {
			s.Error("what could not be applied is acknowledged")
		}
		if got := s.seat().trouble; got != errMoody.Error() {
			s.Errorf("the engine is told %q", got)
		}
		s.at(5 * length)
		s.runs("a")
		if !s.acknowledged() || len(s.lost) > 0 || s.seat().trouble != "" {
			s.Errorf("it is acknowledged: %t; lost %v; trouble %q", s.acknowledged(), s.lost, s.seat().trouble)
		}
	})
}

var begun = time.Now()

// elapsed is the clock of tests, which goes by that of synctest.
func elapsed() time.Duration { return time.Since(begun) }

// What the engine is told of a trouble is as long as it takes, and is told once: it is renewed no more often than otherwise.
func TestTroubleIsCut(t *testing.T) {
	k := newKeeper(&membership{p: newPool(length)}, 0, elapsed)
	s := &session{keeper: k, o: Options{Log: slog.New(slog.DiscardHandler)}}
	for range 2 {
		s.took(result{err: errors.New(strings.Repeat("é", v1alpha1.LongestTrouble))})
		if n := len(k.tell.Trouble); n > v1alpha1.LongestTrouble || n < v1alpha1.LongestTrouble-5 || !strings.HasSuffix(k.tell.Trouble, "é...") {
			t.Errorf("%d bytes: %s", n, k.tell.Trouble)
		}
		if len(k.news) != 1 {
			t.Fatal("that is no news")
		}
	}
	<-k.news
	if s.took(result{err: errors.New(strings.Repeat("é", v1alpha1.LongestTrouble))}); len(k.news) != 0 {
		t.Error("the same is news again")
	}
}

// When a machine wakes up after the lease has run out, everything is ended by force as soon as the clock is looked at.
func TestSlept(t *testing.T) {
	onStage(t, func(s *stage) {
		s.crew.do(func() { s.slow = time.Hour })
		s.at(time.Second)
		s.link(cut)
		s.slept.Store(int64(time.Hour))
		s.at(time.Second + length/50)
		s.runs()
	})
}

// Where the lease is as good as over when the answer to joining comes, the worker is not ended by force: nothing runs yet.
func TestJoinedLate(t *testing.T) {
	onStage(t, func(s *stage) {
		s.link(cut)
		s.at(length*2/3 + length/50)
		s.link(hung) // for the next attempt to join
		s.at(length*2/3 + length - length/50)
		s.link(up)
		s.at(3 * length)
		s.runs("a", "b")
		if s.killed != 0 {
			s.Errorf("it was killed %d times; lost %v", s.killed, s.lost)
		}
	})
}

// A part that was being applied when the session ended does not count as having stopped everything.
func TestLateApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(length, "a")
		var stops int
		ctx, cancel := context.WithCancel(t.Context())
		err := run(ctx, p, Worker{Name: "w"}, Options{Log: slog.New(slog.DiscardHandler)}, func(_ context.Context, part v1alpha1.AssignmentSpec) error {
			if part.Incarnation == "" {
				stops++
			} else {
				cancel()
				time.Sleep(time.Second)
			}
			return nil
		}, elapsed)
		if !errors.Is(err, context.Canceled) || stops != 2 {
			t.Errorf("it ends with %v, and was told to stop %d times, want 2", err, stops)
		}
	})
}

// doorFunc is a door.
type doorFunc func(context.Context, Worker) (Session, error)

func (d doorFunc) Join(ctx context.Context, w Worker) (Session, error) { return d(ctx, w) }

// Joining is tried again, but not where that is of no use.
func TestJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		door := doorFunc(func(context.Context, Worker) (Session, error) {
			if tries++; tries < 5 {
				return nil, errCut
			}
			return nil, fmt.Errorf("%w: there is no such Swarm", ErrRefused)
		})
		err := Run(t.Context(), door, Worker{Name: "w"}, Options{Log: slog.New(slog.DiscardHandler)}, func(context.Context, v1alpha1.AssignmentSpec) error { return nil })
		if !errors.Is(err, ErrRefused) || tries != 5 {
			t.Errorf("%v after %d tries", err, tries)
		}
		err = Run(t.Context(), door, Worker{Name: "w"}, Options{Log: slog.New(slog.DiscardHandler)}, func(context.Context, v1alpha1.AssignmentSpec) error { return errMoody })
		if !errors.Is(err, errMoody) || tries != 5 {
			t.Errorf("a worker that cannot stop what is left of another joins: %v after %d tries", err, tries)
		}
	})
}
