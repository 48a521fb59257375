package handover

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"teamtask.dev/swarm"
)

// world is a store, two engines that both believe they lead, and workers that are slow to read, to stop and to answer. The
// record is stored in pieces, and every read and every write is a step of its own.
type world struct {
	mode      Mode
	apart     bool // what workers say is stored beside their parts: an engine's write does not mind that it has changed, a deletion does
	workloads []string
	names     []string

	// The store: each piece with a number that every write of it changes. A piece that is deleted keeps counting.
	head        Record // without parts
	headVersion int
	parts       map[string]Part
	partVersion map[string]int
	saidVersion map[string]int // counts what workers say, if that is stored apart

	table   swarm.Table
	members map[string]string
	known   map[string]string // members as they were some time ago
	gone    map[string]bool   // incarnations
	born    int
	workers map[string]*process // by incarnation; those that are not gone
	owner   map[string]string   // by workload: the incarnation that started it last
	epoch   map[string]uint64   // and under which epoch
	mail    []message           // on its way, in any order, any number of times
	engines [2]engine
}

type message struct {
	worker, incarnation string
	version             uint64
}

// process is a worker that runs. What it has started it runs until it stops it.
type process struct {
	name, incarnation string
	running           map[string]bool
	wanted            map[string]bool
	version           uint64
}

// engine is half-way through a round: read the head, then each part, then decide, then write the head, then each part.
type engine struct {
	at          int // steps taken
	record      Record
	headVersion int
	partVersion map[string]int
	saidVersion map[string]int
	table       swarm.Table
	pool        Pool
	step        Step
}

func newWorld(mode Mode, apart bool) *world {
	return &world{mode: mode, apart: apart, saidVersion: map[string]int{}, workloads: []string{"p", "q", "r", "s"}, names: []string{"a", "b", "c"}, parts: map[string]Part{}, partVersion: map[string]int{},
		members: map[string]string{}, gone: map[string]bool{}, workers: map[string]*process{}, owner: map[string]string{}, epoch: map[string]uint64{}}
}

// advance takes one step of an engine, and tells whether a round ended that had nothing to do.
func (v *world) advance(e *engine) (idle bool) {
	n := len(v.names)
	switch at := e.at; {
	case at == 0:
		gone := maps.Clone(v.gone)
		*e = engine{record: v.head, headVersion: v.headVersion, partVersion: map[string]int{}, saidVersion: map[string]int{}, table: v.table,
			pool: Pool{v.known, func(_, incarnation string) bool { return gone[incarnation] }}}
	case at <= n:
		name := v.names[at-1]
		e.partVersion[name], e.saidVersion[name] = v.partVersion[name], v.saidVersion[name]
		if p, ok := v.parts[name]; ok {
			e.record.Parts = append(slices.Clone(e.record.Parts), p)
		}
	case at == n+1:
		e.step = Next(e.record, e.table, e.pool, v.mode)
		if !e.step.Changed {
			*e = engine{}
			return true
		}
		if v.headVersion != e.headVersion {
			*e = engine{}
			return false
		}
		v.head = Record{Revision: e.step.Record.Revision, Writing: e.step.Record.Writing}
		v.headVersion++
	default:
		if at > 2*n+1 {
			*e = engine{}
			return false
		}
		name := v.names[at-n-2]
		next := e.step.Record.Part(name)
		announced := slices.Contains(e.step.Record.Writing, name)
		now, there := v.parts[name]
		switch {
		case v.partVersion[name] != e.partVersion[name]: // refused
		case next == nil && there && v.saidVersion[name] != e.saidVersion[name]: // refused
		case next == nil && there:
			delete(v.parts, name)
			v.partVersion[name]++
		case next != nil && announced:
			written := *next
			if written.Incarnation == now.Incarnation {
				written.Acknowledged = max(written.Acknowledged, now.Acknowledged) // the engine does not write that
			}
			v.parts[name] = written
			v.partVersion[name]++
		}
	}
	e.at++
	return false
}

func (v *world) join(name string) {
	v.born++
	p := &process{name: name, incarnation: fmt.Sprintf("%s/%d", name, v.born), running: map[string]bool{}, wanted: map[string]bool{}}
	v.members[name] = p.incarnation
	v.workers[p.incarnation] = p
}

// kill ends a worker. Only then is it gone.
func (v *world) kill(name string) {
	delete(v.workers, v.members[name])
	v.gone[v.members[name]] = true
	delete(v.members, name)
}

// read lets a worker see its part, and start what is new in it.
func (v *world) read(t *rapid.T, p *process) {
	part, ok := v.parts[p.name]
	if !ok || part.Incarnation != p.incarnation {
		return
	}
	p.version = part.Version
	p.wanted = map[string]bool{}
	for _, g := range part.Grants {
		p.wanted[g.Workload] = true
		p.running[g.Workload] = true
		if v.mode == Safe && v.owner[g.Workload] != p.incarnation && g.Epoch <= v.epoch[g.Workload] {
			t.Fatalf("%s gets %s with epoch %d, %s had it with %d", p.incarnation, g.Workload, g.Epoch, v.owner[g.Workload], v.epoch[g.Workload])
		}
		v.owner[g.Workload], v.epoch[g.Workload] = p.incarnation, max(v.epoch[g.Workload], g.Epoch)
	}
}

// stop lets a worker stop what it is to run no longer, and say so.
func (v *world) stop(p *process) {
	maps.DeleteFunc(p.running, func(name string, _ bool) bool { return !p.wanted[name] })
	if p.version > 0 {
		v.mail = append(v.mail, message{p.name, p.incarnation, p.version})
	}
}

func (v *world) deliver(m message) {
	r := Record{}
	if p, ok := v.parts[m.worker]; ok {
		r.Parts = []Part{p}
	}
	if news, err := r.Acknowledge(m.worker, m.incarnation, m.version); err == nil && news {
		v.parts[m.worker] = r.Parts[0]
		if v.apart {
			v.saidVersion[m.worker]++
		} else {
			v.partVersion[m.worker]++
		}
	}
}

func (v *world) check(t *rapid.T) {
	by := map[string]string{}
	for _, incarnation := range slices.Sorted(maps.Keys(v.workers)) {
		for name := range v.workers[incarnation].running {
			if other := by[name]; other != "" && v.mode == Safe {
				t.Fatalf("%s runs on %s and on %s", name, other, incarnation)
			}
			by[name] = incarnation
		}
	}
}

// At no moment do two workers run the same workload, whatever is late, lost or repeated, and whoever crashes; and when the
// trouble is over, every worker soon runs what the table says.
func TestNoWorkloadHasTwoOwners(t *testing.T) {
	for _, mode := range []Mode{Safe, Available} {
		name := []string{"safe", "available"}[mode]
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) { handovers(t, mode, false) }))
		t.Run(name+", acknowledgements apart", rapid.MakeCheck(func(t *rapid.T) { handovers(t, mode, true) }))
	}
}

// FuzzHandover is the same, led by what code is reached.
func FuzzHandover(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { handovers(t, Safe, rapid.Bool().Draw(t, "apart")) }))
}

func handovers(t *rapid.T, mode Mode, apart bool) {
	v := newWorld(mode, apart)
	for _, name := range v.names {
		v.join(name)
	}
	some := func(t *rapid.T) *process {
		name := rapid.SampledFrom(v.names).Draw(t, "worker")
		return v.workers[v.members[name]]
	}
	t.Repeat(map[string]func(*rapid.T){
		"": v.check,
		"table": func(t *rapid.T) {
			parts := map[string][]string{}
			for _, name := range v.workloads {
				if i := rapid.IntRange(-1, len(v.names)-1).Draw(t, "owner"); i >= 0 {
					parts[v.names[i]] = append(parts[v.names[i]], name)
				}
			}
			v.table = nil
			for _, name := range slices.Sorted(maps.Keys(parts)) {
				v.table = append(v.table, swarm.Part{Worker: name, Workloads: parts[name]})
			}
		},
		"look": func(t *rapid.T) { v.known = maps.Clone(v.members) },
		"step": func(t *rapid.T) { v.advance(&v.engines[rapid.IntRange(0, 1).Draw(t, "engine")]) },
		"round": func(t *rapid.T) { // so that something comes about
			e := &v.engines[rapid.IntRange(0, 1).Draw(t, "engine")]
			for range 2 * len(v.names) {
				v.advance(e)
			}
			for e.at > 0 {
				v.advance(e)
			}
		},
		"crash": func(t *rapid.T) { v.engines[rapid.IntRange(0, 1).Draw(t, "engine")] = engine{} },
		"read": func(t *rapid.T) {
			if p := some(t); p != nil {
				v.read(t, p)
			}
		},
		"stop": func(t *rapid.T) {
			if p := some(t); p != nil {
				v.stop(p)
			}
		},
		"work": func(t *rapid.T) { // all goes well for a while
			for range 3 {
				v.known = maps.Clone(v.members)
				for v.engines[0].at > 0 {
					v.advance(&v.engines[0])
				}
				for !v.advance(&v.engines[0]) && v.engines[0].at > 0 {
				}
				v.check(t)
				for _, name := range v.names {
					if p := v.workers[v.members[name]]; p != nil && v.parts[name].Version > p.version {
						v.read(t, p)
						v.stop(p)
						if len(v.mail) > 0 {
							v.deliver(v.mail[len(v.mail)-1])
						}
					}
				}
				v.check(t)
			}
		},
		"deliver": func(t *rapid.T) {
			if len(v.mail) > 0 {
				v.deliver(v.mail[rapid.IntRange(0, len(v.mail)-1).Draw(t, "message")])
			}
		},
		"kill": func(t *rapid.T) {
			if p := some(t); p != nil {
				v.kill(p.name)
			}
		},
		"join": func(t *rapid.T) {
			if name := rapid.SampledFrom(v.names).Draw(t, "worker"); v.members[name] == "" {
				v.join(name)
			}
		},
	})
	v.converge(t)
}

// converge lets one engine and all workers work without trouble.
func (v *world) converge(t *rapid.T) {
	v.engines[1] = engine{}
	for _, name := range v.names {
		if v.members[name] == "" {
			v.join(name)
		}
	}
	v.engines[0], v.known = engine{}, v.members
	quiet := 0
	for rounds := 0; quiet < 2; rounds++ {
		if rounds > 20 {
			t.Fatalf("no end: %+v %+v", v.head, v.parts)
		}
		for {
			done := v.advance(&v.engines[0])
			v.check(t)
			if done {
				quiet++
				break
			}
			if v.engines[0].at == 0 {
				quiet = 0
				break
			}
		}
		for _, name := range v.names {
			p := v.workers[v.members[name]]
			before := p.version
			v.read(t, p)
			v.stop(p)
			if len(v.mail) > 0 {
				v.deliver(v.mail[len(v.mail)-1])
			}
			if p.version != before {
				quiet = 0
			}
		}
		v.check(t)
	}
	for _, name := range v.names {
		p := v.workers[v.members[name]]
		if got, want := slices.Sorted(maps.Keys(p.running)), v.table.Of(name); !slices.Equal(got, want) {
			t.Fatalf("%s runs %v, its part is %v", name, got, want)
		}
	}
}
