package placement

// tally counts one job's instances by node and by value of a label: what an instance of it prefers to keep clear of. It is of
// one job at a time, since one for each would be jobs times nodes; rules go by job, so that it seldom has to be made anew.
type tally struct {
	job     int32 // or none
	label   string
	on      []int32 // by node
	value   []int32 // by node: a number for its value of the label
	in      []int32 // by that number
	labels  map[string][]int32
	numbers map[string]int32 // how many values a label has
}

// tallyFor makes the tally that of an instance's job. It is nil where nothing is to be kept clear of.
func (s *state) tallyFor(i int32) *tally {
	j, t := s.job[i], &s.tally
	if s.jobs[j].hi-s.jobs[j].lo == 1 {
		return nil
	}
	label := s.list[i].Spread.Label
	if t.job == j && t.label == label {
		return t
	}
	if t.on == nil {
		t.on = make([]int32, len(s.nodes))
		t.labels, t.numbers = map[string][]int32{}, map[string]int32{}
	}
	clear(t.on)
	t.job, t.label = j, label
	t.value, t.in = nil, nil
	if label != "" {
		t.value = s.values(label)
		t.in = make([]int32, t.numbers[label])
	}
	for i := s.jobs[j].lo; i < s.jobs[j].hi; i++ {
		if n := s.at[i]; n != none {
			t.note(j, n, 1)
		}
	}
	return t
}

// note counts an instance that comes (1) or goes (-1).
func (t *tally) note(job, n, change int32) {
	if t.job != job {
		return
	}
	t.on[n] += change
	if t.value != nil {
		t.in[t.value[n]] += change
	}
}

// level is how much there is of the job where a node is, in the order of preference.
func (t *tally) level(n int32) int64 {
	level := int64(t.on[n])
	if t.value != nil {
		level += int64(t.in[t.value[n]]) << 32
	}
	return level
}

// values numbers the values that nodes have of a label; not to have it is a value, too.
func (s *state) values(label string) []int32 {
	t := &s.tally
	if v, ok := t.labels[label]; ok {
		return v
	}
	known := map[string]int32{}
	list := make([]int32, len(s.nodes))
	for n := range s.nodes {
		value := s.nodes[n].Labels[label]
		v, ok := known[value]
		if !ok {
			v = int32(len(known))
			known[value] = v
		}
		list[n] = v
	}
	t.labels[label], t.numbers[label] = list, int32(len(known))
	return list
}
