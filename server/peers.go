package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

// peers are the other servers on the same etcd, as far as they own lists.
type peers struct {
	store *store.Store
	token string

	mu      sync.Mutex
	clients map[string]*client.Client // by URL

	asking sync.Mutex // held while the others are asked
	asked  time.Time
	lists  []candidate // what they had to hand out then
}

const (
	// peerTimeout is how long another server may take to answer before it is left out.
	peerTimeout = 2 * time.Second
	// peerMemory is how old what is known of the others' lists may be.
	peerMemory = time.Second
)

// candidate is a list that a worker who serves all may be given a block of.
type candidate struct {
	worklist.Candidate
	claim func(context.Context, *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error)
}

func newPeers(st *store.Store, token string) *peers {
	return &peers{store: st, token: token, clients: map[string]*client.Client{}}
}

// at is a client of the server at a URL. Its calls are marked as passed on, so that they are not passed on again.
func (p *peers) at(url string) *client.Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[url]
	if c == nil {
		c = client.New(url, p.token)
		c.HTTP.Transport = marked{c.HTTP.Transport, p.store.Me().Server}
		c.Patience = -1
		p.clients[url] = c
	}
	return c
}

type marked struct {
	http.RoundTripper
	by string
}

func (m marked) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(forwardedHeader, m.by)
	return m.RoundTripper.RoundTrip(r)
}

func (m marked) CloseIdleConnections() {
	if c, ok := m.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		c.Close()
	}
}

// each calls f for every other server that owns objects of a kind, at the same time, and waits for all. It returns who owns which.
func (p *peers) each(ctx context.Context, objects *store.Objects, f func(ctx context.Context, url string, c *client.Client)) (map[string]store.Owner, error) {
	owners, err := objects.Owners(ctx)
	if err != nil {
		return nil, err
	}
	urls := map[string]bool{}
	for _, o := range owners {
		if o.Server != p.store.Me().Server {
			urls[o.URL] = true
		}
	}
	ctx, cancel := context.WithTimeout(ctx, peerTimeout)
	defer cancel()
	var all sync.WaitGroup
	for url := range urls {
		all.Go(func() { f(ctx, url, p.at(url)) })
	}
	all.Wait()
	return owners, nil
}

// fillIn replaces the objects of a page that other servers own by what these say of them. Who does not answer in time leaves what
// is in the store.
func fillIn[T any](ctx context.Context, p *peers, objects *store.Objects, page []T, meta func(*T) *metav1.ObjectMeta,
	ask func(context.Context, *client.Client) ([]T, error)) error {
	var mu sync.Mutex
	said := map[string][]T{} // by the URL of who says it
	owners, err := p.each(ctx, objects, func(ctx context.Context, url string, c *client.Client) {
		theirs, err := ask(ctx, c)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		said[url] = theirs
	})
	own := map[types.UID]T{}
	for url, theirs := range said {
		for _, x := range theirs {
			if m := meta(&x); owners[m.Name].URL == url {
				own[m.UID] = x
			}
		}
	}
	for i := range page {
		if x, ok := own[meta(&page[i]).UID]; ok {
			page[i] = x
		}
	}
	return err
}

// candidates are the lists of other servers with something to hand out, as of a moment ago.
func (p *peers) candidates(ctx context.Context) []candidate {
	p.asking.Lock()
	defer p.asking.Unlock()
	if time.Since(p.asked) < peerMemory {
		return p.lists
	}
	var mu sync.Mutex
	var found []candidate
	// Not on the caller's time: what is found is for others, too.
	_, err := p.each(context.WithoutCancel(ctx), p.store.Lists, func(ctx context.Context, url string, c *client.Client) {
		for wl, err := range c.Worklists(ctx) {
			if err != nil {
				return
			}
			st := wl.Status
			if st.Owner != url || st.Phase() != v1alpha1.PhaseActive || st.Done+st.Failed+st.Leased >= st.Size {
				continue
			}
			mu.Lock()
			found = append(found, candidate{
				worklist.Candidate{Name: wl.Name, Priority: int(wl.Spec.Priority), Weight: int(wl.Spec.Weight), Out: int(st.BlocksOut)},
				func(ctx context.Context, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
					ctx, cancel := context.WithTimeout(ctx, peerTimeout)
					defer cancel()
					return c.Claim(ctx, wl.Name, req)
				}})
			mu.Unlock()
		}
	})
	if err == nil {
		p.lists, p.asked = found, time.Now()
	}
	return p.lists
}
