package main

import (
	"math"
	"math/rand/v2"
	"strconv"

	"teamtask.dev/ozymandias/placement"
)

const gigabyte = 1_000_000_000

// capacity is that of the largest node. Sizes are parts of it.
var capacity = placement.Resources{Memory: 32 * gigabyte, Disk: 500 * gigabyte, CPU: 8000}

// A shape is what nodes have and what instances ask for, as parts of the largest node's memory, disk and processors.
type shape struct {
	name  string
	draw  func(r *rand.Rand) [3]float64
	nodes []kind // none: all are alike
}

// A kind is a size of node, and how many in a hundred have it.
type kind struct{ share, memory, cpu float64 }

var shapes = []shape{
	{name: "web", draw: web},
	{name: "mixed", draw: func(r *rand.Rand) [3]float64 { // databases take memory and disk, workers take processors
		if r.IntN(2) == 0 {
			return [3]float64{between(r, 0.1, 0.5), between(r, 0.1, 0.4), between(r, 0.02, 0.1)}
		}
		return [3]float64{between(r, 0.02, 0.1), 0.01, between(r, 0.1, 0.5)}
	}},
	{name: "large", draw: func(r *rand.Rand) [3]float64 { // a few on each node, the hardest to pack
		return [3]float64{between(r, 0.1, 0.6), between(r, 0.1, 0.6), between(r, 0.1, 0.6)}
	}},
	{name: "Google 2011", draw: web, nodes: google2011},
	{name: "Google 2019", draw: web, nodes: google2019},
	{name: "Azure 2017", draw: azure},
}

// web is many small ones and a few large, of one kind.
func web(r *rand.Rand) [3]float64 {
	size := 0.02 * math.Exp(2.5*r.Float64())
	return [3]float64{size, size * between(r, 0.2, 1), size * between(r, 0.3, 1.2)}
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

// cluster is n nodes. However many of them one takes, from the first on, their sizes are in the shape's shares, as far as that goes; disks
// are alike.
func (s shape) cluster(n int) []placement.Node {
	list := make([]placement.Node, n)
	have := make([]int, len(s.nodes))
	for i := range list {
		list[i] = placement.Node{Name: "n" + strconv.Itoa(1000+i), Capacity: capacity}
		best, least := -1, math.Inf(1)
		for k, of := range s.nodes { // the one that is the furthest behind its share
			if ahead := (float64(have[k]) + 0.5) / of.share; ahead < least {
				best, least = k, ahead
			}
		}
		if best >= 0 {
			have[best]++
			list[i].Capacity.Memory = int64(s.nodes[best].memory * float64(capacity.Memory))
			list[i].Capacity.CPU = int64(s.nodes[best].cpu * float64(capacity.CPU))
		}
	}
	return list
}
