package main

import (
	"math"
	"math/rand/v2"
	"strconv"

	"teamtask.dev/ozymandias/placement"
)

const gigabyte = 1_000_000_000

// capacity is that of each node.
var capacity = placement.Resources{Memory: 32 * gigabyte, Disk: 500 * gigabyte, CPU: 8000}

// A shape is what instances ask for, as parts of a node's memory, disk and processors.
type shape struct {
	name string
	draw func(r *rand.Rand) [3]float64
}

var shapes = []shape{
	{"web", func(r *rand.Rand) [3]float64 { // many small ones and a few large, of one kind
		size := 0.02 * math.Exp(2.5*r.Float64())
		return [3]float64{size, size * between(r, 0.2, 1), size * between(r, 0.3, 1.2)}
	}},
	{"mixed", func(r *rand.Rand) [3]float64 { // databases take memory and disk, workers take processors
		if r.IntN(2) == 0 {
			return [3]float64{between(r, 0.1, 0.5), between(r, 0.1, 0.4), between(r, 0.02, 0.1)}
		}
		return [3]float64{between(r, 0.02, 0.1), 0.01, between(r, 0.1, 0.5)}
	}},
	{"large", func(r *rand.Rand) [3]float64 { // a few on each node, the hardest to pack
		return [3]float64{between(r, 0.1, 0.6), between(r, 0.1, 0.6), between(r, 0.1, 0.6)}
	}},
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// instance draws one. Each is a job of its own, so that spreading does not matter.
func (s shape) instance(r *rand.Rand, number int) placement.Instance {
	part := s.draw(r)
	return placement.Instance{
		Name: placement.Name{Job: "job" + strconv.Itoa(number), ID: "0"},
		Needs: placement.Resources{
			Memory: int64(part[0] * float64(capacity.Memory)),
			Disk:   int64(part[1] * float64(capacity.Disk)),
			CPU:    int64(part[2] * float64(capacity.CPU)),
		},
	}
}

func nodes(n int) []placement.Node {
	list := make([]placement.Node, n)
	for i := range list {
		list[i] = placement.Node{Name: "n" + strconv.Itoa(1000+i), Capacity: capacity}
	}
	return list
}
