package cmdline_test

import (
	"slices"
	"strings"
	"testing"

	"teamtask.dev/cli/cmdline"
)

func TestObjects(t *testing.T) {
	list := func(name string) cmdline.Object { return cmdline.Object{Kind: "Worklist", Name: name} }
	swarm := func(name string) cmdline.Object { return cmdline.Object{Kind: "Swarm", Name: name} }
	for _, c := range []struct {
		args string
		want []cmdline.Object
		err  string
	}{
		{args: "primes", want: []cmdline.Object{list("primes")}},
		{args: "primes sieve", want: []cmdline.Object{list("primes"), list("sieve")}},
		{args: "swarm streams", want: []cmdline.Object{swarm("streams")}},
		{args: "sw a b", want: []cmdline.Object{swarm("a"), swarm("b")}},
		{args: "swarm/a primes Worklists/b", want: []cmdline.Object{swarm("a"), list("primes"), list("b")}},
		{args: "swarms.teamtask.dev a worklist/b", want: []cmdline.Object{swarm("a"), list("b")}},
		{args: "wl.teamtask.dev/a", want: []cmdline.Object{list("a")}},
		{args: "swarm", want: []cmdline.Object{list("swarm")}},          // a list may be called so
		{args: "worklist swarm", want: []cmdline.Object{list("swarm")}}, // and be named without doubt
		{args: "primes swarm a", want: []cmdline.Object{list("primes"), list("swarm"), list("a")}},
		{args: "pod/a", err: `"pod/a": is no worklist and no swarm; give the name of one, as in swarm/NAME`},
		{args: "assignment s.w", err: `"assignment": assignments come and go with the workers that join`},
		{args: "asg/s.w", err: `"asg": assignments come and go with the workers that join`},
		{args: "assignments", want: []cmdline.Object{list("assignments")}},
		{args: "swarm/", err: `"swarm/": is no name of a swarm`},
		{args: "a/b/c", err: `"a/b/c": is no worklist and no swarm`},
		{args: "sw/b/c", err: `"sw/b/c": is no name of a swarm`},
		{args: "", err: `"": is no name of a worklist`},
	} {
		got, err := cmdline.Objects(strings.Split(c.args, " "))
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: error %v, expected %s", c.args, err, c.err)
		case c.err == "" && (err != nil || !slices.Equal(got, c.want)):
			t.Errorf("%q: %v, %v; expected %v", c.args, got, err, c.want)
		}
	}
}
