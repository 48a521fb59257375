package faults

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// The manager's watch misses Blocks altogether. They are seen to all the same: one whose worker falls silent is taken back, one
// that is deleted goes, and so does one that comes when the list is over.
func TestBlocksNeverHeardOf(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	torn := newLens()
	torn.Drop = func(line []byte) bool {
		return bytes.Contains(line, []byte(`"kind":"Block"`)) && !bytes.HasPrefix(line, []byte(`{"type":"BOOKMARK"`))
	}
	s.manage(torn.Fault)
	s.create("list", v1alpha1.WorklistSpec{Size: 8, Block: v1alpha1.BlockPolicy{Size: 4, Timeout: seconds(1)}})
	silent, deleted := s.take("list", "silent"), s.take("list", "deleted")
	s.delete(deleted.name, deleted.uid)
	s.gone(silent)
	s.gone(deleted)
	s.finishAll("list")
	s.complete("list", 0)
	late, err := s.worker("list", "late").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.gone(late)
}

// pollsBlocks tells whether a request is one that reads all Blocks.
func pollsBlocks(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/blocks") && !chaos.Watches(r) && !readsBlocks(r)
}

// The API server is away for longer than a lease lasts. Workers could not renew theirs meanwhile, and when it is back they have their
// full time to do so.
func TestNobodyIsSilentWhileTheAPIServerIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var away atomic.Bool
	missed, seen := make(chan struct{}, 1), make(chan struct{}, 1)
	tell := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	s.manage(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if away.Load() {
			if pollsBlocks(r) {
				tell(missed)
			}
			return nil, syscall.ECONNREFUSED
		}
		resp, err := send()
		if pollsBlocks(r) && err == nil {
			tell(seen)
		}
		return resp, err
	})
	const lease = 15 * time.Second
	s.create("list", v1alpha1.WorklistSpec{Size: 4, Block: v1alpha1.BlockPolicy{Size: 4, Timeout: &metav1.Duration{Duration: lease}}})
	receive(t, seen)
	x := s.take("list", "w")
	away.Store(true)
	pause(t.Context().Done(), lease)
	receive(t, missed)
	away.Store(false)
	receive(t, seen)
	pause(t.Context().Done(), lease/5) // it takes what is not its worker's any more
	if v := x.renew(t.Context(), 1); v != accepted {
		t.Errorf("a worker whose lease ran out while nobody could be heard has lost it: %s", v)
	}
	x.done()
	s.complete("list", 0)
}
