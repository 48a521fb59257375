package server

import (
	"context"
	"net/http"
	"sync"
	"time"

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

// owners are the URLs of the other servers that own lists.
func (p *peers) owners(ctx context.Context) (map[string]bool, error) {
	owners, err := p.store.Owners(ctx)
	if err != nil {
		return nil, err
	}
	urls := map[string]bool{}
	for _, o := range owners {
		if o.Server != p.store.Me().Server {
			urls[o.URL] = true
		}
	}
	return urls, nil
}

// each calls f for every other server at the same time, and waits for all.
func (p *peers) each(ctx context.Context, f func(ctx context.Context, url string, c *client.Client)) error {
	urls, err := p.owners(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, peerTimeout)
	defer cancel()
	var all sync.WaitGroup
	for url := range urls {
		all.Go(func() { f(ctx, url, p.at(url)) })
	}
	all.Wait()
	return nil
}

// fillIn replaces the status of lists that other servers own by what they say. Who does not answer in time leaves what
// the record says.
func (p *peers) fillIn(ctx context.Context, page *v1alpha1.WorklistList, after string, limit int) error {
	var mu sync.Mutex
	statuses := map[string]v1alpha1.WorklistStatus{}
	err := p.each(ctx, func(ctx context.Context, url string, c *client.Client) {
		theirs, err := c.Page(ctx, after, limit)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, wl := range theirs.Items {
			if wl.Status.Owner == url {
				statuses[string(wl.UID)] = wl.Status
			}
		}
	})
	for i := range page.Items {
		if st, ok := statuses[string(page.Items[i].UID)]; ok {
			page.Items[i].Status = st
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
	err := p.each(context.WithoutCancel(ctx), func(ctx context.Context, url string, c *client.Client) {
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
