package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// pool is what there is to assign at the moment. Both lists are in order of arrival, except that a worker which replaces
// another takes its place: that is the best case for strategies that go by places.
type pool struct {
	workloads, workers []string
	begun              int // workloads that there have been
	joined, least      int // workers that there have been; and how many there are at least
	random             *rand.Rand
}

// newPool is the same whenever it is made with the same numbers, and so is all that becomes of it.
func newPool(workloads, workers int) *pool {
	p := &pool{least: (workers + 1) / 2, random: rand.New(rand.NewPCG(uint64(workloads), uint64(workers)))}
	for range workloads {
		p.addWorkload()
	}
	for range workers {
		p.addWorker()
	}
	return p
}

func (p *pool) addWorkload() {
	p.workloads = append(p.workloads, fmt.Sprintf("stream-%d", p.begun))
	p.begun++
}

func (p *pool) addWorker() { p.workers = append(p.workers, p.nextWorker()) }

func (p *pool) nextWorker() string {
	p.joined++
	return fmt.Sprintf("worker-%d", p.joined-1)
}

func (p *pool) removeLastWorker() { p.removeWorker(len(p.workers) - 1) }

func (p *pool) removeMiddleWorker() { p.removeWorker(len(p.workers) / 2) }

func (p *pool) removeWorker(i int) { p.workers = slices.Delete(p.workers, i, i+1) }

func (p *pool) replaceMiddleWorker() { p.workers[len(p.workers)/2] = p.nextWorker() }

func (p *pool) replaceTenth() { p.replaceWorkloads((len(p.workloads) + 9) / 10) }

// replaceWorkloads ends n of them, and as many others begin.
func (p *pool) replaceWorkloads(n int) {
	ends := make([]bool, len(p.workloads))
	for _, i := range p.random.Perm(len(ends))[:n] {
		ends[i] = true
	}
	stay := p.workloads[:0]
	for i, workload := range p.workloads {
		if !ends[i] {
			stay = append(stay, workload)
		}
	}
	p.workloads = stay
	for range n {
		p.addWorkload()
	}
}

// churn is what happens to a pool on an ordinary day: a worker comes, goes or is replaced, or a hundredth of the workloads is.
// At least half of the first workers remain.
func (p *pool) churn() {
	switch p.random.IntN(4) {
	case 0:
		p.addWorker()
	case 1:
		if len(p.workers) > p.least {
			p.removeWorker(p.random.IntN(len(p.workers)))
		} else {
			p.addWorker()
		}
	case 2:
		p.workers[p.random.IntN(len(p.workers))] = p.nextWorker()
	case 3:
		p.replaceWorkloads((len(p.workloads) + 99) / 100)
	}
}
