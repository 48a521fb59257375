package e2e

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
)

// foreman is told by pods which items they begin and end, and makes those who begin wait until it lets them.
type foreman struct {
	url  string
	lets chan struct{} // each lets one begin; closed, all

	mu      sync.Mutex
	ended   map[int]int    // how often, by item
	working map[int]string // who has an item in hand now
}

// newForeman has a foreman listen where pods reach this machine.
func newForeman(t *testing.T) *foreman {
	t.Helper()
	f := &foreman{lets: make(chan struct{}, 10_000), ended: map[int]int{}, working: map[int]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /begin", f.begin)
	mux.HandleFunc("GET /end", f.end)
	l, err := net.Listen("tcp", running.Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(mux)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	f.url = s.URL
	t.Cleanup(func() {
		s.CloseClientConnections() // of pods that wait
		s.Close()
	})
	return f
}

func (f *foreman) begin(_ http.ResponseWriter, r *http.Request) {
	item, _ := strconv.Atoi(r.FormValue("item"))
	worker := r.FormValue("worker")
	f.mu.Lock()
	f.working[item] = worker
	f.mu.Unlock()
	select {
	case <-f.lets:
	case <-r.Context().Done(): // the worker was killed
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.working[item] == worker {
			delete(f.working, item)
		}
	}
}

func (f *foreman) end(_ http.ResponseWriter, r *http.Request) {
	item, _ := strconv.Atoi(r.FormValue("item"))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended[item]++
	delete(f.working, item)
}

// let lets so many items begin.
func (f *foreman) let(n int) {
	for range n {
		f.lets <- struct{}{}
	}
}

// letAll lets everybody begin from now on.
func (f *foreman) letAll() { close(f.lets) }

// inHand are who works, and on which items.
func (f *foreman) inHand() map[string][]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hands()
}

func (f *foreman) hands() map[string][]int {
	hands := map[string][]int{}
	for item, worker := range f.working {
		hands[worker] = append(hands[worker], item)
	}
	return hands
}

// atWork is an error until so many workers have items in hand, and so many items are done.
func (f *foreman) atWork(workers, done int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	hands := f.hands()
	if len(hands) < workers || len(f.ended) < done {
		return fmt.Errorf("%d items are done, and these are in hand: %v", len(f.ended), hands)
	}
	return nil
}

// check tells what is wrong with how the items from 1 on were done: each once, but for those that were in the hands of a worker
// that was killed, at most so many.
func (f *foreman) check(items, again int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	more := 0
	for i := 1; i <= items; i++ {
		if f.ended[i] == 0 {
			return fmt.Errorf("item %d was never done", i)
		}
		more += f.ended[i] - 1
	}
	if len(f.ended) != items {
		return fmt.Errorf("%d items were done of %d: %v", len(f.ended), items, f.ended)
	}
	if more > again {
		return fmt.Errorf("items were done again %d times, and at most %d were in hand: %v", more, again, f.ended)
	}
	return nil
}
