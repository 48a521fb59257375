package swarm

import "container/heap"

// queue holds workers with the least loaded first, and of equally loaded ones the first by name.
type queue struct {
	load    []int64 // by worker, changed elsewhere: fix follows
	workers []int32
	place   []int // by worker, of all queues: where in workers it is
}

// add puts a worker in; order has to follow.
func (q *queue) add(w int32) {
	q.place[w] = len(q.workers)
	q.workers = append(q.workers, w)
}

func (q *queue) order() { heap.Init(q) }

// fix puts a worker where it belongs after its load has changed.
func (q *queue) fix(w int32) { heap.Fix(q, q.place[w]) }

func (q *queue) Len() int { return len(q.workers) }

func (q *queue) Less(i, j int) bool {
	a, b := q.workers[i], q.workers[j]
	return q.load[a] < q.load[b] || q.load[a] == q.load[b] && a < b
}

func (q *queue) Swap(i, j int) {
	q.workers[i], q.workers[j] = q.workers[j], q.workers[i]
	q.place[q.workers[i]], q.place[q.workers[j]] = i, j
}

func (q *queue) Push(any) { panic("a queue does not grow") }
func (q *queue) Pop() any { panic("a queue does not shrink") }

// pile holds workloads, the first in its order at hand.
type pile struct {
	before func(i, j int32) int
	list   []int32
}

func (h *pile) Len() int           { return len(h.list) }
func (h *pile) Less(i, j int) bool { return h.before(h.list[i], h.list[j]) < 0 }
func (h *pile) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *pile) Push(x any)         { h.list = append(h.list, x.(int32)) }

func (h *pile) Pop() any {
	x := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return x
}
