package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

func TestNextRelief(t *testing.T) {
	const mb = 1 << 20
	small := func(id uint64) file { return file{id: id, size: 60 * mb, used: 50 * mb, quota: 4000 * mb} }
	grown := func(id uint64) file { return file{id: id, size: 600 * mb, used: 50 * mb, quota: 4000 * mb} }
	leads := func(f file) file { f.leader = true; return f }
	full := func(id uint64, used int64) file {
		return file{id: id, size: 4000 * mb, used: used * mb, quota: 4000 * mb, full: true}
	}
	for name, c := range map[string]struct {
		self   uint64
		files  []file
		calm   bool
		relief relief
		of     uint64
	}{
		"little room":                     {1, []file{leads(small(1)), small(2)}, true, noRelief, 0},
		"the first one":                   {2, []file{leads(grown(1)), grown(2), grown(3)}, true, shrink, 2},
		"one after the other":             {3, []file{leads(grown(1)), grown(2), grown(3)}, true, noRelief, 0},
		"the leader comes last":           {1, []file{leads(grown(1)), small(2), grown(3)}, true, noRelief, 0},
		"and not before it has gone":      {1, []file{leads(grown(1)), small(2), small(3)}, true, handOver, 2},
		"a member alone":                  {1, []file{leads(grown(1))}, true, shrink, 1},
		"alone, and it would take long":   {1, []file{{id: 1, leader: true, size: 900 * mb, used: 300 * mb, quota: 4000 * mb}}, true, noRelief, 0},
		"alone, and nothing works anyway": {1, []file{{id: 1, leader: true, size: 4000 * mb, used: 300 * mb, quota: 4000 * mb, full: true}}, true, shrink, 1},
		"was done lately":                 {1, []file{leads(grown(1))}, false, noRelief, 0},
		"most of it is used":              {1, []file{{id: 1, leader: true, size: 3000 * mb, used: 2000 * mb, quota: 4000 * mb}}, true, noRelief, 0},
		"an alarm, and nothing to gain":   {1, []file{leads(full(1, 4000))}, true, compact, 1},
		"which is the leader's":           {2, []file{leads(full(1, 4000)), full(2, 4000)}, true, noRelief, 0},
		"an alarm, and something to gain": {2, []file{leads(full(1, 3000)), full(2, 3000)}, false, shrink, 2},
		"room again":                      {2, []file{leads(full(1, 50)), {id: 2, size: 60 * mb, used: 50 * mb, quota: 4000 * mb, full: true}}, false, disarm, 2},
		"still too full":                  {1, []file{leads(file{id: 1, size: 3500 * mb, used: 3490 * mb, quota: 4000 * mb, full: true})}, true, compact, 1},
	} {
		t.Run(name, func(t *testing.T) {
			do, of := nextRelief(c.self, c.files, c.calm)
			if do != c.relief || of.id != c.of {
				t.Errorf("it is %d of %d, want %d of %d", do, of.id, c.relief, c.of)
			}
		})
	}
}

// Far more is written, and overwritten, than etcd may have. It takes no more writes, which is repaired by itself, on all its members; and their
// files are small again.
func TestQuotaUsedUp(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d", nodes), func(t *testing.T) {
			t.Parallel()
			hasty := patience{learner: time.Hour, surplus: time.Hour, file: time.Nanosecond, shrink: time.Nanosecond}
			const quota = 8 << 20
			o := options(t, "n1")
			o.patience, o.quota = hasty, quota
			machines := []*machine{start(t, o)}
			for i := 2; i <= nodes; i++ {
				o := machines[0].joining(fmt.Sprintf("n%d", i))
				o.patience, o.quota = hasty, quota
				machines = append(machines, start(t, o))
			}
			settled(t, nodes, machines...)
			burst := string(make([]byte, 256<<10))
			err := error(nil)
			for i := 0; !errors.Is(err, rpctypes.ErrNoSpace); i++ { // else several members may have elected a leader meanwhile
				if i > 1000 {
					t.Fatalf("etcd has no quota: %v", err)
				}
				_, err = machines[0].Client().Put(t.Context(), "/ozymandias/test", burst)
			}
			eventually(t, "etcd takes writes again", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := machines[0].Client().Put(ctx, "/ozymandias/test", "small")
				return err == nil
			})
			eventually(t, "what was overwritten is forgotten", func() bool { return machines[0].forget(t.Context()) == nil })
			for _, m := range machines {
				eventually(t, "the file is small again on "+m.o.Name, func() bool {
					// What was removed is room after the next writes.
					if _, err := m.Client().Put(t.Context(), "/ozymandias/test", "small"); err != nil {
						return false
					}
					a := statuses(t.Context(), m.client, []string{m.node.clientURL()})[0]
					return a != nil && a.DbSize < quota/4
				})
			}
		})
	}
}
