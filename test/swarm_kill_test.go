package test

import (
	"fmt"
	mathrand "math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// rest lets a random moment pass, so that what follows hits another one each time.
func rest(atMost time.Duration) {
	t := time.NewTimer(mathrand.N(atMost))
	<-t.C
}

// The server is killed again and again, at any moment, while workers come, go and are killed. No workload ever has two owners, and
// each has one again.
func TestKillingTheServerOfASwarm(t *testing.T) {
	t.Parallel()
	const kills = 25
	s := newSite(t)
	p := newPool(t, s, 26)
	for i := range 4 {
		p.hire(s, fmt.Sprintf("w-%d", i))
	}
	p.settles(s, 4)
	for n := range kills {
		switch n % 5 {
		case 1:
			p.lose("w-1")
		case 2:
			p.hire(s, "w-1") // of the same name
		case 3:
			p.members["w-2"].cmd.Process.Signal(syscall.SIGTERM) // it leaves in order, if it can
			p.members["w-2"].cmd.Wait()
		case 4:
			p.hire(s, "w-2")
		}
		rest(700 * time.Millisecond)
		s.kill()
		s.start()
	}
	p.settles(s, 4)
}

// A worker is killed: once its lease has run out, and it has been waited for, others have its workloads.
func TestAWorkerOfASwarmIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := newPool(t, s, 9)
	for i := range 3 {
		p.hire(s, fmt.Sprintf("w-%d", i))
	}
	p.settles(s, 3)
	p.lose("w-1")
	if got := p.owned(); got != 6 {
		t.Errorf("%d workloads have an owner right after one of three workers was killed", got)
	}
	p.settles(s, 2)
	p.hire(s, "w-1")
	p.settles(s, 3)
}

// Two servers share an etcd, and workers speak to either. The owner of the swarm is killed, or stopped for so long that the other
// takes the swarm over, and goes on then: whoever spoke to it must not be told that its lease is renewed.
func TestTheOwnerOfASwarmIsLost(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	a := newSite(t, "--etcd-endpoints", etcd, "--takeover-after", "2s")
	b := newSite(t, "--etcd-endpoints", etcd, "--takeover-after", "2s")
	p := newPool(t, a, 26)
	for i := range 6 {
		p.hire([]*site{a, b}[i%2], fmt.Sprintf("w-%d", i))
	}
	p.settles(a, 6)
	for n := range 6 {
		owner := []*site{a, b}[n%2] // or it is not: both are hit in turn
		other := []*site{b, a}[n%2]
		p.lose("w-5") // there is something to decide meanwhile
		if n%3 == 2 {
			owner.kill()
		} else {
			owner.cmd.Process.Signal(syscall.SIGSTOP)
			rest(10 * time.Second)
			owner.cmd.Process.Signal(syscall.SIGCONT)
			rest(2 * time.Second)
			owner.kill() // if it has not ended by itself
		}
		owner.start()
		p.hire(other, "w-5")
		p.settles(other, 6)
	}
	for _, s := range []*site{a, b} { // each answers for what the other owns, too, once that has told it
		eventually(t, s.URL+" knows of six workers", func() bool {
			n := 0
			for _, err := range s.Assignments(t.Context(), "") {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			swarms := 0
			for sw, err := range s.Swarms(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if sw.Status.Workers == 6 {
					swarms++
				}
			}
			return n == 6 && swarms == 1
		})
	}
}
