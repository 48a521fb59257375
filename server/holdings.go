package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"teamtask.dev/store"
)

// keeping is what looks after an object that this server owns.
type keeping interface {
	comparable

	// Ended is closed once it has given up its object, or was closed.
	Ended() <-chan struct{}
	// Close makes durable what there is, and gives the object back.
	Close(context.Context) error
}

// holdings are the objects of one kind that this server owns, each with what looks after it.
type holdings[K keeping] struct {
	objects *store.Objects
	me      store.Owner

	// take begins to look after an object that this server has become the owner of; again: not for the first time.
	take func(ctx context.Context, t *store.Tenure, x *store.Object, again bool) (K, error)

	mu     sync.Mutex
	slots  map[string]*slot[K]
	closed bool
}

// slot is an object's place in this server.
type slot[K keeping] struct {
	making sync.Mutex // held while the keeper is found or made
	keeper K          // while this server owns the object; guarded by the holdings' lock
	taken  bool       // once before, in this process; guarded by making
}

func newHoldings[K keeping](objects *store.Objects, me store.Owner, take func(context.Context, *store.Tenure, *store.Object, bool) (K, error)) *holdings[K] {
	return &holdings[K]{objects: objects, me: me, take: take, slots: map[string]*slot[K]{}}
}

// find is the keeper of an object: this server's, made now if nobody owns the object; or none and the server that does.
func (h *holdings[K]) find(ctx context.Context, name string) (k K, owner store.Owner, err error) {
	var none K
	x, err := h.lock(name)
	if err != nil {
		return none, owner, err
	}
	defer x.making.Unlock()
	if k, ok := h.get(name); ok {
		select {
		case <-k.Ended():
			h.put(x, none)
		default:
			return k, h.me, nil
		}
	}
	object, err := h.objects.Get(ctx, name)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			h.forget(name)
		}
		return none, owner, err
	}
	tenure, owner, err := h.objects.Acquire(ctx, object)
	if err != nil || tenure == nil {
		return none, owner, err
	}
	k, err = h.take(ctx, tenure, object, x.taken)
	if err != nil {
		tenure.Release(ctx) // somebody may have better luck; if not, the lease runs out
		return none, store.Owner{}, err
	}
	x.taken = true
	h.put(x, k)
	return k, owner, nil
}

// lock is an object's slot, whose keeper the caller may find or make.
func (h *holdings[K]) lock(name string) (*slot[K], error) {
	for {
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			return nil, errGone
		}
		x := h.slots[name]
		if x == nil {
			x = &slot[K]{}
			h.slots[name] = x
		}
		h.mu.Unlock()
		x.making.Lock()
		h.mu.Lock()
		same := h.slots[name] == x
		h.mu.Unlock()
		if same {
			return x, nil
		}
		x.making.Unlock() // it was forgotten meanwhile
	}
}

// mine is the keeper of an object, for a call that has been forwarded if need be.
func (h *holdings[K]) mine(ctx context.Context, name string) (K, error) {
	k, owner, err := h.find(ctx, name)
	var none K
	if err == nil && k == none {
		err = &moved{name, owner.URL}
	}
	return k, err
}

func (h *holdings[K]) put(x *slot[K], k K) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x.keeper = k
}

// get is the keeper of an object, as long as this server is known to own it: a cheap first look.
func (h *holdings[K]) get(name string) (k K, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if x := h.slots[name]; x != nil {
		k = x.keeper
	}
	var none K
	return k, k != none
}

// known tells whether somebody has asked for the object here.
func (h *holdings[K]) known(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.slots[name] != nil
}

// forget drops an object that was deleted.
func (h *holdings[K]) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.slots, name)
}

// all are the keepers of all objects that this server owns now.
func (h *holdings[K]) all() (out []K) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var none K
	for _, x := range h.slots {
		if x.keeper != none {
			out = append(out, x.keeper)
		}
	}
	return out
}

// close gives all objects back, and takes none any more.
func (h *holdings[K]) close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	slots := h.slots
	h.slots = map[string]*slot[K]{}
	h.mu.Unlock()
	var none K
	var errs []error
	for name, x := range slots {
		x.making.Lock()
		if x.keeper != none {
			if err := x.keeper.Close(ctx); err != nil {
				errs = append(errs, fmt.Errorf("close %s: %w", name, err))
			}
		}
		x.making.Unlock()
	}
	return errors.Join(errs...)
}
