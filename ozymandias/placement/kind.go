package placement

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// kind is what a set of instances asks of a node besides room.
type kind struct {
	requires map[string]string
	tied     []string
	nodes    []int32 // those that suit and are open, in order
}

// suits tells whether a node has the labels and the volumes.
func (k *kind) suits(n *Node) bool {
	if len(k.tied) > 0 && !slices.Contains(k.tied, n.Name) {
		return false
	}
	return Meets(n.Labels, k.requires)
}

// Meets tells whether a node with these labels has those that are required.
func Meets(labels, required map[string]string) bool {
	for label, value := range required {
		if lacks(labels, label, value) {
			return false
		}
	}
	return true
}

func lacks(labels map[string]string, label, value string) bool {
	has, ok := labels[label]
	return !ok || has != value
}

func (n *Node) open() bool { return n.Closed == "" && !n.Draining }

// draining is what a draining node is, in words.
func (n *Node) draining() string {
	if n.Closed != "" {
		return n.Closed
	}
	return "draining"
}

// findKinds numbers what is asked of nodes. Instances of one job mostly ask for the same, hence the look at the one before.
func (s *state) findKinds() {
	s.kind = make([]int32, len(s.list))
	known := map[string]int32{}
	for i, in := range s.list {
		if i > 0 {
			if before := s.list[i-1]; maps.Equal(in.Requires, before.Requires) && slices.Equal(in.Tied, before.Tied) {
				s.kind[i] = s.kind[i-1]
				continue
			}
		}
		key := in.key()
		k, ok := known[key]
		if !ok {
			k = int32(len(s.kinds))
			known[key] = k
			s.kinds = append(s.kinds, s.newKind(in))
		}
		s.kind[i] = k
	}
}

// key is the same for instances that ask the same of nodes, and for no others.
func (in *Instance) key() string {
	if len(in.Requires) == 0 && len(in.Tied) == 0 {
		return ""
	}
	var b strings.Builder
	for _, label := range slices.Sorted(maps.Keys(in.Requires)) {
		b.WriteString(strconv.Quote(label) + "=" + strconv.Quote(in.Requires[label]) + " ")
	}
	for _, node := range slices.Compact(slices.Sorted(slices.Values(in.Tied))) {
		b.WriteString(strconv.Quote(node) + " ")
	}
	return b.String()
}

func (s *state) newKind(in *Instance) kind {
	k := kind{requires: in.Requires, tied: slices.Compact(slices.Sorted(slices.Values(in.Tied)))}
	consider := func(n int) {
		if s.nodes[n].open() && k.suits(&s.nodes[n]) {
			k.nodes = append(k.nodes, int32(n))
		}
	}
	if len(k.tied) == 0 {
		for n := range s.nodes {
			consider(n)
		}
		return k
	}
	for _, name := range k.tied { // thousands of instances, each with a volume of its own, would make thousands of scans
		if n, ok := s.node(name); ok {
			consider(n)
		}
	}
	return k
}

// node finds a node by name.
func (s *state) node(name string) (n int, ok bool) {
	n, ok = slices.BinarySearchFunc(s.nodes, name, func(n Node, name string) int { return strings.Compare(n.Name, name) })
	return n, ok && int32(n) != s.dead
}

// reach are the nodes that an instance may be on: those of its kind and, where that is closed, the one on which it runs.
func (s *state) reach(i int32) []int32 {
	nodes := s.kinds[s.kind[i]].nodes
	if n := s.refuge(i); n != none {
		at, _ := slices.BinarySearch(nodes, n)
		return slices.Insert(slices.Clone(nodes), at, n)
	}
	return nodes
}

// refuge is the closed node on which an instance may stay though no other may come, or none.
func (s *state) refuge(i int32) int32 {
	if n := s.home[i]; n != none && s.leave[i] != drained && s.leave[i] != misplaced && !s.nodes[n].open() && !s.nodes[n].Draining {
		return n
	}
	return none
}

// class is what the search cannot tell instances apart by: any of a class may take the place of any other.
type class struct {
	needs  vector
	kind   int32
	job    int32 // where the number of the job's on one node is bounded, or none
	refuge int32
}

func (s *state) classOf(i int32) int32 {
	if s.class[i] == none {
		c := class{needs: s.needs[i], kind: s.kind[i], job: none, refuge: s.refuge(i)}
		if s.jobs[s.job[i]].perNode > 0 {
			c.job = s.job[i]
		}
		n, ok := s.classes[c]
		if !ok {
			n = int32(len(s.classes))
			s.classes[c] = n
		}
		s.class[i] = n
	}
	return s.class[i]
}
