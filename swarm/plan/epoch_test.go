package plan

import (
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// granted is the least and the greatest epoch of what is granted in some decisions.
func (w *world) granted(t *testing.T) (least, most uint64) {
	t.Helper()
	for range 10 {
		for _, c := range w.decide(t).Granted {
			if least == 0 || c.Epoch < least {
				least = c.Epoch
			}
			most = max(most, c.Epoch)
		}
		for i := range w.Workers {
			w.read(i)
			w.stop(i)
		}
	}
	return least, most
}

// A Swarm that is deleted and made anew goes on with greater epochs, though it counts its decisions anew.
func TestEpochsOutliveTheSwarm(t *testing.T) {
	first := newWorld(2, 4)
	first.Created = time.Unix(1e9, 0)
	_, last := first.granted(t)
	again := newWorld(2, 4)
	again.Created = first.Created.Add(time.Second)
	if least, _ := again.granted(t); least <= last || again.Record.Revision > 10 {
		t.Errorf("epoch %d after %d, at version %d", least, last, again.Record.Revision)
	}
}

// What epochs count from does not change while the Swarm lives, whatever is said of when it was made; where it was never written down, or
// is lost, epochs still grow.
func TestEpochsGrow(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(*world)
	}{
		{"it is restored elsewhere, where it is earlier", func(w *world) { w.Created = w.Created.Add(-time.Hour) }},
		{"the status is lost", func(w *world) { w.Status, w.Record.Base, w.Record.Revision = v1alpha1.SwarmStatus{}, 0, 0 }},
		{"a schema that does not know the field has cut it off", func(w *world) { w.Record.Base = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(1, 4)
			w.Created = time.Unix(1e9, 0)
			_, last := w.granted(t)
			c.happen(w)
			w.start(w.expect())
			if least, _ := w.granted(t); least <= last {
				t.Errorf("epoch %d after %d", least, last)
			}
		})
	}
	w := newWorld(1, 4) // begun before there was a base
	_, last := w.granted(t)
	w.Created = time.Unix(1e9, 0)
	w.start(w.expect())
	if least, _ := w.granted(t); least <= last {
		t.Errorf("epoch %d after %d", least, last)
	}
}
