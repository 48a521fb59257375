// Command placement compares rules that choose nodes for instances: how full a cluster gets before something is refused, how
// full it gets in the end, and how many nodes it takes for a given set of instances, beside a bound that no rule can beat; and how long
// it takes, beside SwarmKit's scheduler.
//
//	go run ./placement
//
// Nothing is random but by fixed seeds: all but the times is the same in every run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

// sizes are clusters by number of nodes, and how many of each are looked at.
var sizes = []struct{ nodes, seeds int }{{3, 40}, {10, 20}, {50, 4}}

func main() {
	quick := flag.Bool("quick", false, "look at the smallest clusters only")
	flag.Parse()
	fleets, rounds := fleets(), 3
	if *quick {
		sizes, fleets, rounds = sizes[:1], fleets[:1], 1
	}
	fmt.Fprintln(os.Stderr, "large clusters from scratch")
	if err := scratch(context.Background(), os.Stdout, fleets, rounds); err != nil {
		fmt.Fprintln(os.Stderr, "placement:", err)
		os.Exit(1)
	}
	fmt.Println()
	var rows []row
	for _, s := range shapes {
		for _, size := range sizes {
			fmt.Fprintf(os.Stderr, "%s, %d nodes\n", s.name, size.nodes)
			for _, r := range rules {
				rows = append(rows, measure(s, r, size.nodes, size.seeds))
			}
		}
	}
	if err := write(os.Stdout, rows); err != nil {
		fmt.Fprintln(os.Stderr, "placement:", err)
		os.Exit(1)
	}
}
