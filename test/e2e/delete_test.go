package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// owned is all that there may be of a list.
const owned = "worklists,blocks,jobs,pods,serviceaccounts,rolebindings"

// A list is deleted while pods work on it: kubectl comes back, and nothing is left. Nor is there anything that keeps a namespace,
// though the pods fail as they have no time to finish what they have in hand.
func TestDelete(t *testing.T) {
	t.Parallel()
	f, s := newForeman(t), newSite(t)
	hasty := func(f *foreman) string {
		return strings.Replace(items("fifty", 3, f), "        containers:", "        terminationGracePeriodSeconds: 1\n        containers:", 1)
	}
	s.apply(hasty(f))
	f.let(5)
	s.eventually("three pods work", func() error { return f.atWork(3, 5) })
	s.kubectl("delete", "worklist", "fifty", "--timeout="+patience.String())
	s.eventually("nothing is left", func() error {
		left := strings.Fields(s.kubectl("get", owned, "--output=name"))
		if len(left) != 1 || left[0] != "serviceaccount/default" {
			return fmt.Errorf("%v", left)
		}
		return nil
	})

	f = newForeman(t)
	s.apply(hasty(f))
	f.let(5)
	s.eventually("three pods work on a new one of that name", func() error { return f.atWork(3, 5) })
	s.kubectl("delete", "namespace", s.ns, "--timeout="+patience.String())
}
