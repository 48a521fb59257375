package placement

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/storytest"
)

// The stories are problems and what is made of them, in words. A story is a title, then nodes and instances, one to a line, the
// question (place or lose), and the answer:
//
//	# title
//	node n1 memory=10G disk=100G zone:a closed=failing draining
//	instance db-0 memory=2G on=n1 pinned tied=n1,n2 requires=zone:a,disk:ssd pernode=1 spread=zone priority=5
//	place budget=10
//	> answer
func TestStories(t *testing.T) {
	storytest.Script(t, "testdata/stories/*.txt", func(t *testing.T) func(string) []string {
		var p Problem
		return func(line string) []string {
			verb, rest, _ := strings.Cut(line, " ")
			switch verb {
			case "node":
				p.Nodes = append(p.Nodes, parseNode(t, rest))
			case "instance":
				p.Instances = append(p.Instances, parseInstance(t, rest))
			case "place":
				if b, ok := strings.CutPrefix(rest, "budget="); ok {
					p.Budget = int(number(t, b))
				}
				return answerPlace(t, p)
			case "lose":
				return answerLose(t, p)
			default:
				t.Fatalf("%q?", line)
			}
			return nil
		}
	})
}

func answerPlace(t *testing.T, p Problem) (lines []string) {
	r, err := Place(p)
	if err != nil {
		return []string{err.Error()}
	}
	lines = append(lines, string(r.Verdict))
	for _, x := range r.Placed {
		lines = append(lines, fmt.Sprintf("%s goes to %s", x.Name, x.Node))
	}
	for _, m := range r.Moves {
		lines = append(lines, fmt.Sprintf("%s moves from %s to %s: %s", m.Name, m.From, m.To, m.Why))
	}
	for _, w := range r.Waiting {
		lines = append(lines, w.String())
		for _, line := range w.Refusal.Lines() {
			lines = append(lines, "    "+line)
		}
		if w.Verdict != r.Verdict {
			lines = append(lines, "    "+string(w.Verdict))
		}
	}
	for _, o := range r.Overfull {
		lines = append(lines, fmt.Sprintf("%s is overfull: %s short", o.Node, o.Short))
	}
	return lines
}

func answerLose(t *testing.T, p Problem) (lines []string) {
	losses, err := WithoutEach(p)
	if err != nil {
		return []string{err.Error()}
	}
	for _, l := range losses {
		lines = append(lines, fmt.Sprintf("%s: %s, %d instances, %d moves", l.Node, l.Verdict, l.Instances, len(l.Moves)))
		for _, line := range l.Lines() {
			lines = append(lines, "    "+line)
		}
	}
	return lines
}

func parseNode(t *testing.T, text string) Node {
	fields := strings.Fields(text)
	n := Node{Name: fields[0], Labels: map[string]string{}}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		label, labelled, isLabel := strings.Cut(field, ":")
		switch {
		case parseAmount(t, &n.Capacity, name, value):
		case name == "closed":
			n.Closed = value
		case name == "draining":
			n.Draining = true
		case isLabel:
			n.Labels[label] = labelled
		default:
			t.Fatalf("%q?", field)
		}
	}
	return n
}

func parseInstance(t *testing.T, text string) Instance {
	fields := strings.Fields(text)
	at := strings.LastIndexByte(fields[0], '-')
	in := Instance{Name: Name{fields[0][:at], fields[0][at+1:]}}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		switch {
		case parseAmount(t, &in.Needs, name, value):
		case name == "on":
			in.Node = value
		case name == "pinned":
			in.Pinned = true
		case name == "yields":
			in.Yields = true
		case name == "grows":
			in.Grows = true
		case name == "tied":
			in.Tied = strings.Split(value, ",")
		case name == "requires":
			in.Requires = map[string]string{}
			for _, pair := range strings.Split(value, ",") {
				label, value, _ := strings.Cut(pair, ":")
				in.Requires[label] = value
			}
		case name == "pernode":
			in.Spread.PerNode = int(number(t, value))
		case name == "spread":
			in.Spread.Label = value
		case name == "priority":
			in.Priority = int(number(t, value))
		default:
			t.Fatalf("%q?", field)
		}
	}
	return in
}

func parseAmount(t *testing.T, r *Resources, name, value string) bool {
	switch Dimension(name) {
	case Memory:
		r.Memory = number(t, value)
	case Disk:
		r.Disk = number(t, value)
	case CPU:
		r.CPU = number(t, value)
	default:
		return false
	}
	return true
}

// number reads 5, 5G or 5Gi.
func number(t *testing.T, text string) int64 {
	digits := strings.TrimRight(text, "kKMGTPi")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suffixes {
		if s.name == text[len(digits):] {
			return n * s.unit
		}
	}
	t.Fatalf("%q?", text)
	return 0
}
