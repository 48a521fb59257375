package schedule

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A decision in words, "n1: +a<n2 +b<n3 | n2: ": what each node is given, and from which; and what is left of it in a part.
func TestFirst(t *testing.T) {
	for _, c := range []struct {
		name, decision string
		n              int
		part           string
	}{
		{"a whole is a part", "n1: +a<n2 | n2:", 2, "n1: +a<n2 | n2:"},
		{"what gives goes before what takes", "n1: +a<n2 | n2:", 1, "n2:"},
		{"also from one to the next", "n1: +a<n2 | n2: +b<n3 | n3:", 2, "n2: +b<n3 | n3:"},
		{"what was nowhere has to wait for nobody", "n1: +a | n2:", 1, "n1: +a"},
		{"nodes that exchange instances give first", "n1: +a<n2 | n2: +b<n1", 1, "n2:"},
		{"also in a circle", "n1: +a<n2 | n2: +b<n3 | n3: +c<n1", 2, "n2: +b<n3 | n3:"},
		{"and what stays in its place is left there", "n1: +a<n2 +c<n1 +d | n2: +b<n1", 1, "n2:"},
		{"what a node is given beside it, too", "n1: +a<n2 | n2: +b<n1 +c<n2 +d", 1, "n2: +c<n2 +d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decision{Version: 7, Plans: map[string]Plan{}, from: map[Instance]string{}}
			for _, node := range strings.Split(c.decision, " | ") {
				name, list, _ := strings.Cut(node, ":")
				plan := Plan{Version: 7}
				for _, word := range strings.Fields(list) {
					id, from, _ := strings.Cut(word[1:], "<")
					i := Instance{Job: "u", ID: id}
					if plan.Instances = append(plan.Instances, Planned{Instance: i, Epoch: 7}); from != "" {
						d.from[i] = from
					}
				}
				d.Plans[name] = plan
			}
			part := d.First(c.n)
			var nodes []string
			for _, name := range slices.Sorted(maps.Keys(part.Plans)) {
				text := name + ":"
				for _, p := range part.Plans[name].Instances {
					text += " +" + p.ID
					if from := d.from[p.Instance]; from != "" {
						text += "<" + from
					}
				}
				nodes = append(nodes, text)
			}
			if got := strings.Join(nodes, " | "); got != c.part {
				t.Errorf("%s in %d: %s, want %s", c.decision, c.n, got, c.part)
			}
		})
	}
}
