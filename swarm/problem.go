package swarm

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

const none = int32(-1)

// problem is one call of [Assign], with numbers for names. Workloads keep the numbers of the caller's slice, so nothing
// may be decided by them; workers are numbered in order of name, and kinds in order of what they require.
type problem struct {
	workloads []Workload
	workers   []Worker
	before    [][]string // by worker: its part of the previous table, if that is sorted
	live      int        // workers that are not draining

	shared    []int32 // the workloads that are not exclusive; not to be sorted, whoever shares them out
	exclusive []int32 // those that are
	units     []int64 // by workload: its weight, beside the next one's: read often, it is in the cache then
	turn      []int32 // by workload: its place in the order of hashes
	kind      []int32 // by workload: its requirements
	kinds     []kind
	owner     []int32 // by workload: its worker in the previous table if that is still there, or none

	// What is decided.
	at       []int32 // by workload: its worker, or none: it waits
	load     []int64 // by worker
	held     []int32 // by worker: the exclusive workload that has it, or none
	reserved []int64 // by worker: exclusive workloads up to this priority may not have it
	proven   bool    // that deciding again changes nothing
	minimal  bool    // the moves are proven to be the fewest
}

// kind is a set of required labels.
type kind struct {
	require []label // in order of name
	workers []int32 // those that fulfil it and are not draining, in order
}

type label struct{ name, value string }

// newProblem checks the input and numbers it.
func newProblem(previous Table, workloads []Workload, workers []Worker) (*problem, error) {
	p := &problem{workloads: workloads, workers: slices.Clone(workers)}
	slices.SortFunc(p.workers, func(a, b Worker) int { return strings.Compare(a.Name, b.Name) })
	if err := p.checkWorkers(); err != nil {
		return nil, err
	}
	entries, err := p.checkWorkloads()
	if err != nil {
		return nil, err
	}
	if err := p.findOwners(previous, entries); err != nil {
		return nil, err
	}
	p.findKinds()
	return p, nil
}

func (p *problem) checkWorkers() error {
	for i, w := range p.workers {
		switch {
		case w.Name == "":
			return fmt.Errorf("a worker has no name: every worker needs one")
		case i > 0 && w.Name == p.workers[i-1].Name:
			return fmt.Errorf("worker %q is there twice: give every worker a name of its own", w.Name)
		case w.Capacity < 0 || w.Capacity > MaxWeight:
			return fmt.Errorf("worker %q has capacity %d: it must be 0 (no bound) to %d", w.Name, w.Capacity, int64(MaxWeight))
		}
		if !w.Draining {
			p.live++
		}
	}
	return nil
}

// checkWorkloads returns the workloads in order of hash.
func (p *problem) checkWorkloads() ([]entry, error) {
	if len(p.workloads) > math.MaxInt32 {
		return nil, fmt.Errorf("there are %d workloads: at most %d are possible", len(p.workloads), math.MaxInt32)
	}
	entries := make([]entry, len(p.workloads))
	p.units = make([]int64, len(p.workloads))
	p.shared = make([]int32, 0, len(p.workloads))
	total := int64(0)
	for i := range p.workloads {
		w := &p.workloads[i]
		switch {
		case w.Name == "":
			return nil, fmt.Errorf("a workload has no name: every workload needs one")
		case w.Weight < 0 || w.Weight > MaxWeight:
			return nil, fmt.Errorf("workload %q has weight %d: it must be 1 to %d, or 0 for 1", w.Name, w.Weight, int64(MaxWeight))
		}
		p.units[i] = w.units()
		if total += p.units[i]; total > MaxWeight {
			return nil, fmt.Errorf("the weights add up to more than %d, with that of workload %q (%d): choose a larger unit", int64(MaxWeight), w.Name, p.units[i])
		}
		if w.Exclusive {
			p.exclusive = append(p.exclusive, int32(i))
		} else {
			p.shared = append(p.shared, int32(i))
		}
		entries[i] = entry{hash: hash(w.Name), at: int32(i)}
	}
	entries = sortEntries(entries, func(e entry) string { return p.workloads[e.at].Name })
	p.turn = make([]int32, len(entries))
	for turn, e := range entries {
		p.turn[e.at] = int32(turn)
		if turn > 0 && entries[turn-1].hash == e.hash && p.workloads[entries[turn-1].at].Name == p.workloads[e.at].Name {
			return nil, fmt.Errorf("workload %q is there twice: give every workload a name of its own", p.workloads[e.at].Name)
		}
	}
	return entries, nil
}

// findOwners notes who had what. Workers and workloads that are no longer there are passed over.
func (p *problem) findOwners(previous Table, workloads []entry) error {
	p.before = make([][]string, len(p.workers))
	worker := make([]int32, len(previous)) // by part
	seen := make(map[string]bool, len(previous))
	n := 0
	for part := range previous {
		n += len(previous[part].Workloads)
	}
	if n > math.MaxInt32 {
		return fmt.Errorf("the previous table has %d workloads: at most %d are possible", n, math.MaxInt32)
	}
	entries := make([]entry, 0, n)
	for part := range previous {
		name, list := previous[part].Worker, previous[part].Workloads
		if seen[name] {
			return fmt.Errorf("the previous table has two parts for worker %q: it must have one", name)
		}
		seen[name] = true
		sorted := slices.IsSorted(list) // and the names come into the cache together, not one by one as they are hashed
		for at := range list {
			entries = append(entries, entry{hash(list[at]), int32(part), int32(at)})
		}
		worker[part] = none
		if w, ok := slices.BinarySearchFunc(p.workers, name, func(w Worker, name string) int { return strings.Compare(w.Name, name) }); ok {
			worker[part] = int32(w)
			if sorted {
				p.before[w] = list
			}
		}
	}
	entries = sortEntries(entries, func(e entry) string { return previous[e.part].Workloads[e.at] })

	const unseen = none - 1 // in no part yet
	p.owner = slices.Repeat([]int32{unseen}, len(p.workloads))
	next := 0
	for _, e := range entries {
		for next < len(workloads) && workloads[next].hash < e.hash {
			next++
		}
		name := previous[e.part].Workloads[e.at]
		for _, w := range workloads[next:] {
			if w.hash != e.hash {
				break
			}
			if p.workloads[w.at].Name != name {
				continue
			}
			if p.owner[w.at] != unseen {
				return fmt.Errorf("the previous table has workload %q twice, for worker %q and before: it must be there once", name, previous[e.part].Worker)
			}
			p.owner[w.at] = worker[e.part]
		}
	}
	for i := range p.owner {
		p.owner[i] = max(p.owner[i], none)
	}
	return nil
}

// findKinds groups the workloads by what they require, and finds the workers for each kind.
func (p *problem) findKinds() {
	p.kind = make([]int32, len(p.workloads))
	ids := map[string]int32{}
	var keys []string
	var labels []label
	var key []byte
	last := none
	for i := range p.workloads {
		require := p.workloads[i].Require
		if last == none || !p.kinds[last].equals(require) { // equal ones tend to follow one another
			labels = appendLabels(labels[:0], require)
			key = appendKey(key[:0], labels)
			id, ok := ids[string(key)]
			if !ok {
				id = int32(len(p.kinds))
				ids[string(key)] = id
				keys = append(keys, string(key))
				p.kinds = append(p.kinds, kind{require: slices.Clone(labels)})
			}
			last = id
		}
		p.kind[i] = last
	}
	p.sortKinds(keys)
	p.matchKinds()
}

// appendKey is the same for the same labels, and for no others.
func appendKey(key []byte, labels []label) []byte {
	for _, l := range labels {
		for _, s := range [2]string{l.name, l.value} {
			key = binary.AppendUvarint(key, uint64(len(s)))
			key = append(key, s...)
		}
	}
	return key
}

// equals tells whether these labels are the kind's. It looks names up, which in a map is quicker than to go through it.
func (k *kind) equals(require map[string]string) bool {
	if len(require) != len(k.require) {
		return false
	}
	for _, l := range k.require {
		if value, ok := require[l.name]; !ok || value != l.value {
			return false
		}
	}
	return true
}

// appendLabels puts labels in order of name.
func appendLabels(labels []label, require map[string]string) []label {
	for name, value := range require {
		labels = append(labels, label{name, value})
	}
	slices.SortFunc(labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
	return labels
}

// sortKinds renumbers the kinds, which were found in the order of the input.
func (p *problem) sortKinds(keys []string) {
	if len(keys) < 2 {
		return
	}
	order := make([]int32, len(keys))
	for k := range order {
		order[k] = int32(k)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(keys[a], keys[b]) })
	sorted, rank := make([]kind, len(keys)), make([]int32, len(keys))
	for to, from := range order {
		sorted[to], rank[from] = p.kinds[from], int32(to)
	}
	p.kinds = sorted
	for i, k := range p.kind {
		p.kind[i] = rank[k]
	}
}

// matchKinds finds the workers for each kind, by the label that the fewest of them have: a thousand kinds that each name
// one worker must not look at every worker a thousand times.
func (p *problem) matchKinds() {
	having := map[label][]int32{}
	for _, k := range p.kinds {
		for _, l := range k.require {
			having[l] = nil
		}
	}
	var all []int32
	for w := range p.workers {
		if p.workers[w].Draining {
			continue
		}
		all = append(all, int32(w))
		if len(having) == 0 {
			continue
		}
		for name, value := range p.workers[w].Labels {
			if list, wanted := having[label{name, value}]; wanted {
				having[label{name, value}] = append(list, int32(w))
			}
		}
	}
	for k := range p.kinds {
		fewest := all
		for _, l := range p.kinds[k].require {
			if list := having[l]; len(list) < len(fewest) {
				fewest = list
			}
		}
		if len(p.kinds[k].require) < 2 {
			p.kinds[k].workers = fewest
			continue
		}
		for _, w := range fewest {
			if p.workers[w].fulfils(p.kinds[k].require) {
				p.kinds[k].workers = append(p.kinds[k].workers, w)
			}
		}
	}
}

// mayUse tells whether the worker is one that the workload can be given, whatever else is there.
func (p *problem) mayUse(i, w int32) bool {
	worker := &p.workers[w]
	return !worker.Draining && worker.holds(p.units[i]) && worker.fulfils(p.kinds[p.kind[i]].require)
}

// sharedLoad is the load of the workers that are neither draining nor an exclusive workload's, and how many they are.
func (p *problem) sharedLoad() (load, workers int64) {
	for w := range p.workers {
		if !p.workers[w].Draining && p.held[w] == none {
			load += p.load[w]
			workers++
		}
	}
	return load, workers
}
