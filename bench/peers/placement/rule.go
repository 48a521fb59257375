package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"teamtask.dev/ozymandias/placement"
)

// A rule places what has no node. It gives a node to as many instances as it can, in the list itself, and returns how many of
// the others it moved.
type rule struct {
	name  string
	place func(nodes []placement.Node, list []placement.Instance) (moves int)
}

// rules has ours first.
var rules = []rule{
	{"Teamtask", teamtask},
	{"Teamtask, nothing moves", pinned},
	{"Nomad's BestFit, all nodes", each(nomad)},
	{"best fit on memory", each(func(o offer) float64 { return float64(o.free.Memory - o.needs.Memory) })},
	{"first fit", each(func(offer) float64 { return 0 })},
	{"the emptiest node", each(func(o offer) float64 { return -float64(o.free.Memory) / float64(o.of.Memory) })},
	{"SwarmKit's, fewest on it", each(fewest)},
	{"any node", random},
}

func teamtask(nodes []placement.Node, list []placement.Instance) (moves int) {
	r, err := placement.Place(placement.Problem{Nodes: nodes, Instances: list})
	if err != nil {
		panic(err) // the problems are made here
	}
	at := map[placement.Name]string{}
	for _, p := range r.Placed {
		at[p.Name] = p.Node
	}
	for _, m := range r.Moves {
		at[m.Name] = m.To
	}
	for i := range list {
		if n, ok := at[list[i].Name]; ok {
			list[i].Node = n
		}
	}
	return len(r.Moves)
}

// pinned is ours where what runs may not be moved.
func pinned(nodes []placement.Node, list []placement.Instance) (moves int) {
	for i := range list {
		list[i].Pinned = list[i].Node != ""
	}
	return teamtask(nodes, list)
}

// An offer is a node that has room, to an instance.
type offer struct {
	of, free, needs placement.Resources // free is without the instance
	runs            int                 // instances that are there
}

// each places one after the other where the score is least.
func each(score func(offer) float64) func([]placement.Node, []placement.Instance) int {
	return func(nodes []placement.Node, list []placement.Instance) int {
		free, runs := freeOn(nodes, list), make([]int, len(nodes))
		for i := range list {
			if list[i].Node != "" {
				runs[number(nodes, list[i].Node)]++
			}
		}
		for i := range list {
			if list[i].Node != "" {
				continue
			}
			best, least := -1, math.Inf(1)
			for n := range nodes {
				if !fits(free[n], list[i].Needs) {
					continue
				}
				if s := score(offer{nodes[n].Capacity, free[n], list[i].Needs, runs[n]}); s < least {
					best, least = n, s
				}
			}
			if best >= 0 {
				list[i].Node = nodes[best].Name
				free[best] = less(free[best], list[i].Needs)
				runs[best]++
			}
		}
		return 0
	}
}

// nomad is the score by which Nomad packs, with the sign turned: 20 - 10^freeCpu - 10^freeMem, held between 0 and 18, where free
// is the part of a node that is left with the instance on it (ScoreFitBinPack in nomad/structs/funcs.go, after Google's
// "BestFit v3"). Nomad looks at a few nodes, not at all of them, which can only be worse; it moves nothing unless by preemption.
func nomad(o offer) float64 {
	left := less(o.free, o.needs)
	score := 20 - math.Pow(10, float64(left.CPU)/float64(o.of.CPU)) - math.Pow(10, float64(left.Memory)/float64(o.of.Memory))
	return -min(18, max(0, score))
}

// fewest is what SwarmKit goes by among the nodes that have room, where jobs have one instance (nodeLess in
// manager/scheduler/scheduler.go): it spreads, and moves nothing.
func fewest(o offer) float64 { return float64(o.runs) }

// random takes any node that has room.
func random(nodes []placement.Node, list []placement.Instance) int {
	free, r := freeOn(nodes, list), rand.New(rand.NewPCG(uint64(len(list)), 7))
	for i := range list {
		if list[i].Node != "" {
			continue
		}
		for _, n := range r.Perm(len(nodes)) {
			if fits(free[n], list[i].Needs) {
				list[i].Node = nodes[n].Name
				free[n] = less(free[n], list[i].Needs)
				break
			}
		}
	}
	return 0
}

// freeOn is what is free on each node. Nodes are in order of name.
func freeOn(nodes []placement.Node, list []placement.Instance) []placement.Resources {
	free := make([]placement.Resources, len(nodes))
	for n := range nodes {
		free[n] = nodes[n].Capacity
	}
	for _, in := range list {
		if in.Node == "" {
			continue
		}
		n := number(nodes, in.Node)
		if free[n] = less(free[n], in.Needs); min(free[n].Memory, free[n].Disk, free[n].CPU) < 0 {
			panic(fmt.Sprintf("%s has more than there is room for", in.Node))
		}
	}
	return free
}

// number is that of a node by its name.
func number(nodes []placement.Node, name string) int {
	n, ok := slices.BinarySearchFunc(nodes, name, func(n placement.Node, name string) int { return cmp.Compare(n.Name, name) })
	if !ok {
		panic(fmt.Sprintf("something is on %s, which is not there", name))
	}
	return n
}

func fits(free, needs placement.Resources) bool {
	return needs.Memory <= free.Memory && needs.Disk <= free.Disk && needs.CPU <= free.CPU
}

func less(a, b placement.Resources) placement.Resources {
	return placement.Resources{Memory: a.Memory - b.Memory, Disk: a.Disk - b.Disk, CPU: a.CPU - b.CPU}
}
