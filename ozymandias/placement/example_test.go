package placement_test

import (
	"fmt"

	"teamtask.dev/ozymandias/placement"
)

const gigabyte = 1_000_000_000

func memory(gigabytes int64) placement.Resources {
	return placement.Resources{Memory: gigabytes * gigabyte}
}

// A database fits once another instance has moved.
func Example() {
	r, err := placement.Place(placement.Problem{
		Nodes: []placement.Node{
			{Name: "n1", Capacity: memory(10)},
			{Name: "n2", Capacity: memory(10)},
		},
		Instances: []placement.Instance{
			{Name: placement.Name{Job: "web", ID: "0"}, Needs: memory(3), Node: "n1"},
			{Name: placement.Name{Job: "web", ID: "1"}, Needs: memory(6), Node: "n2"},
			{Name: placement.Name{Job: "db", ID: "0"}, Needs: memory(9)},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Verdict)
	for _, m := range r.Moves {
		fmt.Printf("%s moves from %s to %s %s\n", m.Name, m.From, m.To, m.Why)
	}
	for _, p := range r.Placed {
		fmt.Printf("%s goes to %s\n", p.Name, p.Node)
	}
	// Output:
	// Fits
	// web-0 moves from n1 to n2 to make room
	// db-0 goes to n1
}

// What has no place says why, and what would help.
func ExampleRefusal() {
	r, err := placement.Place(placement.Problem{
		Nodes: []placement.Node{
			{Name: "n1", Capacity: memory(10)},
			{Name: "n2", Capacity: memory(16)},
		},
		Instances: []placement.Instance{
			{Name: placement.Name{Job: "web", ID: "0"}, Needs: memory(6), Node: "n2", Pinned: true},
			{Name: placement.Name{Job: "db", ID: "0"}, Needs: memory(12)},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range r.Waiting {
		fmt.Println(w.Verdict)
		fmt.Println(w)
		for _, line := range w.Refusal.Lines() {
			fmt.Println(line)
		}
	}
	// Output:
	// ProvedInfeasible
	// db-0 requires 12G of memory but only 10G can be allocated on one node (n1), 20G on all 2 together; moving others does not help; add 2G of memory to n1 or stop web-0 on n2
	// n1: 2G of memory short
	// n2: 2G of memory short
}

// Which machine can be lost?
func ExampleWithoutEach() {
	losses, err := placement.WithoutEach(placement.Problem{
		Nodes: []placement.Node{
			{Name: "n1", Capacity: memory(10)},
			{Name: "n2", Capacity: memory(16)},
		},
		Instances: []placement.Instance{
			{Name: placement.Name{Job: "web", ID: "0"}, Needs: memory(1), Node: "n1"},
			{Name: placement.Name{Job: "db", ID: "0"}, Needs: memory(12), Node: "n2"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range losses {
		fmt.Println(l.Node, l.Verdict)
		for _, line := range l.Lines() {
			fmt.Println(line)
		}
	}
	// Output:
	// n1 Fits
	// n2 ProvedInfeasible
	// if node n2 dies, db-0 cannot be re-placed: 3G of memory short
}
