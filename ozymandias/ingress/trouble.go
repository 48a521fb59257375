package ingress

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// troubles are what is wrong at the moment, by what it is about.
type troubles struct {
	log *slog.Logger
	mu  sync.Mutex
	now map[string]string
}

// set tells that something is wrong. It is logged once, however often it is told.
func (t *troubles) set(about, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now[about] == what {
		return
	}
	if t.now == nil {
		t.now = map[string]string{}
	}
	t.now[about] = what
	t.log.Warn("ingress", "problem", what)
}

func (t *troubles) clear(about string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.now, about)
}

func (t *troubles) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.now))
}
