package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/server"
	"teamtask.dev/store"
)

// site is a List server with its store, as `teamtask serve` runs it.
type site struct {
	*client.Client
	store  *store.Store
	server *server.Server
	http   *httptest.Server
}

func start(t *testing.T, dir string) *site {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	st, err := store.Open(t.Context(), store.Options{Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(t.Context(), server.Options{Store: st, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(srv.Handler())
	return &site{Client: client.New(h.URL, srv.Token()), store: st, server: srv, http: h}
}

func (s *site) stop(t *testing.T) {
	t.Helper()
	if err := s.server.Close(context.Background()); err != nil {
		t.Error(err)
	}
	s.Client.Close()
	s.http.Close()
	if err := s.store.Close(); err != nil {
		t.Error(err)
	}
}

func newList(name string, spec v1alpha1.WorklistSpec) *v1alpha1.Worklist {
	return &v1alpha1.Worklist{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind},
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

// A list is created, worked on by several workers, survives a restart, and ends as one merged range.
func TestAListGetsDone(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	const size = 10_000
	if _, err := s.Create(t.Context(), newList("primes", v1alpha1.WorklistSpec{Size: size, Block: v1alpha1.BlockPolicy{Size: 100}})); err != nil {
		t.Fatal(err)
	}
	counts := make([]atomic.Int32, size)
	work := func(ctx context.Context, b *client.Block) error {
		for i := b.Index; i < b.Index+b.Size; i++ {
			counts[i].Add(1)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	var half atomic.Int64
	err := s.Work(ctx, "primes", func(ctx context.Context, b *client.Block) error {
		if half.Add(b.Size) == size/2 {
			cancel()
		}
		return work(ctx, b)
	}, client.WorkOptions{})
	if err != context.Canceled {
		t.Fatal(err)
	}
	s.stop(t)

	s = start(t, dir)
	defer s.stop(t)
	if err := s.Work(t.Context(), "primes", work, client.WorkOptions{Parallel: 4}); err != nil {
		t.Fatal(err)
	}
	for i := range counts {
		if n := counts[i].Load(); n != 1 {
			t.Fatalf("item %d was done %d times", i, n)
		}
	}
	wl, err := s.Get(t.Context(), "primes")
	if err != nil {
		t.Fatal(err)
	}
	if wl.Status.Phase() != v1alpha1.PhaseComplete || fmt.Sprint(wl.Status.DoneRanges) != fmt.Sprint([]v1alpha1.Range{{Size: size}}) {
		t.Errorf("status %+v", wl.Status)
	}
	var rows int64
	for r, err := range s.Results(t.Context(), "primes", client.ResultsFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += r.Size
	}
	if rows != size {
		t.Errorf("results for %d items", rows)
	}
	cert, err := s.Certificate(t.Context(), "primes")
	if err != nil || cert.Verify() != nil || cert.Missing() != 0 {
		t.Errorf("certificate %+v, %v, %v", cert, err, cert.Verify())
	}
}

func nothing(context.Context, *client.Block) error { return nil }

func worker(name string) client.WorkOptions { return client.WorkOptions{Worker: name} }
