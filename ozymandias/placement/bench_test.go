package placement

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// used is the processor time of this process until now: what a call costs, however busy the machine is.
func used() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// loop is b.Loop that also reports processor time.
func loop(b *testing.B, call func()) {
	b.ReportAllocs()
	start := used()
	for b.Loop() {
		call()
	}
	b.ReportMetric(float64((used()-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

const gigabyte = 1_000_000_000

// fleet is a large cluster of three sizes of nodes in three zones, and jobs of one to thirty instances that together need
// that part of the memory which full says, of the disk a little less.
func fleet(nodes, instances int, full float64) Problem {
	r := rand.New(rand.NewPCG(1, 2))
	var p Problem
	var memory, disk int64
	for i := range nodes {
		size := int64(1 + i%3)
		n := Node{Name: fmt.Sprintf("node-%04d", i), Capacity: Resources{Memory: size * 32 * gigabyte, Disk: size * 400 * gigabyte, CPU: size * 8000},
			Labels: map[string]string{"zone": string(rune('a' + i%3))}}
		memory += n.Capacity.Memory
		disk += n.Capacity.Disk
		p.Nodes = append(p.Nodes, n)
	}
	var needs []float64
	var sum float64
	for len(p.Instances) < instances {
		job := fmt.Sprintf("job-%05d", len(p.Instances))
		weight := 0.2 + r.ExpFloat64()
		spread := Spread{}
		if r.IntN(3) == 0 {
			spread.Label = "zone"
		}
		for id := range min(1+r.IntN(30), instances-len(p.Instances)) {
			p.Instances = append(p.Instances, Instance{Name: Name{job, fmt.Sprint(id)}, Spread: spread})
			needs = append(needs, weight)
			sum += weight
		}
	}
	for i := range p.Instances {
		share := full * needs[i] / sum
		lean := 0.6 + 0.3*float64(i%5)/4
		p.Instances[i].Needs = Resources{Memory: int64(share * float64(memory)), Disk: int64(share * lean * float64(disk)), CPU: 100}
	}
	return p
}

// placed is a problem in which everything that finds a place runs there.
func placed(b *testing.B, p Problem) Problem {
	r, err := Place(p)
	if err != nil {
		b.Fatal(err)
	}
	at := map[Name]string{}
	for _, x := range r.Placed {
		at[x.Name] = x.Node
	}
	for i := range p.Instances {
		p.Instances[i].Node = at[p.Instances[i].Name]
	}
	return p
}

// From nothing: 10,000 instances on 1,000 nodes.
func BenchmarkScratch(b *testing.B) {
	for _, full := range []float64{0.4, 0.7, 0.9, 1.05} {
		b.Run(fmt.Sprintf("full=%.0f%%", 100*full), func(b *testing.B) {
			p := fleet(1000, 10_000, full)
			loop(b, func() {
				r, err := Place(p)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(r.Waiting)), "waiting")
			})
		})
	}
}

// One more instance beside 9,999 that run: from the problem to the result, nothing being kept from one call to the next.
func BenchmarkOneMore(b *testing.B) {
	p := placed(b, fleet(1000, 10_000, 0.8))
	p.Instances[5000].Node = ""
	shuffled := p
	shuffled.Instances = slices.Clone(p.Instances)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(p.Instances), func(i, j int) {
		shuffled.Instances[i], shuffled.Instances[j] = shuffled.Instances[j], shuffled.Instances[i]
	})
	for _, c := range []struct {
		name string
		p    Problem
	}{{"sorted", p}, {"shuffled", shuffled}} {
		b.Run(c.name, func(b *testing.B) {
			loop(b, func() {
				r, err := Place(c.p)
				if err != nil || r.Verdict != Fits {
					b.Fatal(err, r.Verdict)
				}
			})
		})
	}
}

// gap is a little more memory than there is free on any node.
func gap(p Problem) Resources {
	free := map[string]int64{}
	for _, n := range p.Nodes {
		free[n.Name] = n.Capacity.Memory
	}
	for _, in := range p.Instances {
		free[in.Node] -= in.Needs.Memory
	}
	return Resources{Memory: slices.Max(slices.Collect(maps.Values(free))) + gigabyte/10}
}

// One more instance that fits on no node unless others move, on clusters that are nearly full.
func BenchmarkOneMoreWithMoves(b *testing.B) {
	for _, nodes := range []int{50, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			p := placed(b, fleet(nodes, 10*nodes, 0.97))
			p.Instances = append(p.Instances, Instance{Name: Name{"large", "0"}, Needs: gap(p)})
			loop(b, func() {
				r, err := Place(p)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(r.Moves)), "moves")
				b.ReportMetric(float64(len(r.Waiting)), "waiting")
			})
		})
	}
}

func BenchmarkWithoutEach(b *testing.B) {
	for _, c := range []struct{ nodes, instances int }{{50, 500}, {1000, 10_000}} {
		b.Run(fmt.Sprintf("nodes=%d", c.nodes), func(b *testing.B) {
			p := placed(b, fleet(c.nodes, c.instances, 0.7))
			loop(b, func() {
				if _, err := WithoutEach(p); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
