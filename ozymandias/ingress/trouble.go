package ingress

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"teamtask.dev/ozymandias/schedule"
)

// troubles are what is wrong at the moment, by what it is about.
type troubles struct {
	log *slog.Logger
	mu  sync.Mutex
	now map[string]schedule.IngressProblem
}

// set tells that something is wrong. It is logged once, however often it is told.
func (t *troubles) set(about string, what schedule.IngressProblem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now[about] == what {
		return
	}
	if t.now == nil {
		t.now = map[string]schedule.IngressProblem{}
	}
	t.now[about] = what
	t.log.Warn(what.Text)
}

func (t *troubles) clear(about string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.now, about)
}

// all are in an order that lasts, so that what is the same looks the same.
func (t *troubles) all() []schedule.IngressProblem {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.now), func(a, b schedule.IngressProblem) int { return cmp.Compare(a.Text, b.Text) })
}
