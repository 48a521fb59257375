package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/state"
)

// A JoinRequest asks for admission to the cluster.
type JoinRequest struct {
	// Secret is the token's.
	Secret string `json:"secret"`
	// Format is the latest that the program of the new node knows.
	Format int `json:"format"`
	// Node is what it calls itself. ID and Joined do not matter.
	Node Node `json:"node"`
	// Request is for its certificate. Its private key stays where it is.
	Request []byte `json:"request"`
}

// A Welcome is what makes a machine a node.
type Welcome struct {
	// Authority, AuthorityKey and Certificate are PEM.
	Authority    string `json:"authority"`
	AuthorityKey string `json:"authority_key"`
	Certificate  string `json:"certificate"`
	// Key is the cluster's.
	Key []byte `json:"key"`
	// Endpoints are those of etcd.
	Endpoints []string `json:"endpoints"`
	// External says that etcd is the user's own, to which the machine has to have its own access.
	External bool `json:"external,omitempty"`
}

// Admit admits a machine, or says why not: ErrToken, ErrNewer, ErrInvalid, ErrNameTaken, ErrAddressTaken. A machine that was admitted, and
// has not heard the answer, asks again; it is known by its key.
func (c *Cluster) Admit(ctx context.Context, request JoinRequest) (Welcome, error) {
	token, err := c.token(ctx)
	if err != nil {
		return Welcome{}, err
	}
	if !token.Matches(request.Secret) {
		return Welcome{}, ErrToken
	}
	public, err := pki.ParseRequest(request.Request)
	if err != nil {
		return Welcome{}, fmt.Errorf("the request for a certificate is %w: %w", ErrInvalid, err)
	}
	n := request.Node
	n.ID, n.Joined = pki.ID(public), time.Now().UTC()
	if err := n.check(); err != nil {
		return Welcome{}, err
	}
	for admitted := false; !admitted; {
		if admitted, err = c.admit(ctx, n, request.Format); err != nil {
			return Welcome{}, err
		}
	}
	certificate, err := c.authority.IssueNode(time.Now(), public, n.Name, n.Address)
	if err != nil {
		return Welcome{}, err
	}
	authority, key, err := c.authority.Encode()
	if err != nil {
		return Welcome{}, err
	}
	return Welcome{Authority: string(authority), AuthorityKey: string(key), Certificate: string(certificate),
		Key: c.Key(), Endpoints: c.Etcd().Endpoints, External: c.options.External != nil}, nil
}

// admit writes the node's record, unless another node was admitted meanwhile: then it reports false.
func (c *Cluster) admit(ctx context.Context, n Node, knows int) (bool, error) {
	r, err := read(ctx, c.client)
	if err != nil {
		return false, err
	}
	if knows < r.format.Format {
		return false, fmt.Errorf("%w: its records have format %d, and the program of node %s knows up to %d: update it", ErrNewer, r.format.Format, n.Name, knows)
	}
	var writes []clientv3.Op
	for _, other := range r.nodes {
		switch {
		case other.Name == n.Name && other.ID == n.ID:
			n.Joined = other.Joined
		case other.ID == n.ID:
			// It was admitted under another name, and has not heard of it: a machine that has cannot change its name.
			writes = append(writes, clientv3.OpDelete(nodesKey+other.Name))
		case other.Name == n.Name:
			return false, c.taken(ctx, other)
		case other.API == n.API || other.Client == n.Client || other.Peer == n.Peer:
			return false, fmt.Errorf("%w: node %s is at %s too; give this one another --address, or other ports", ErrAddressTaken, other.Name, other.Address)
		}
	}
	answer, err := c.client.Txn(ctx).If(r.unchanged()).Then(append(writes, put(nodesKey+n.Name, n))...).Commit()
	if err != nil {
		return false, fmt.Errorf("admit node %s: %w", n.Name, err)
	}
	return answer.Succeeded, nil
}

// taken says what to do about a name that another machine has.
func (c *Cluster) taken(ctx context.Context, other Node) error {
	life, _, err := state.New(c.client).Life(ctx, other.Name)
	switch {
	case err != nil:
		return err
	case life.Incarnation != "":
		return fmt.Errorf("%w: a node %s is alive at %s: give this one another --name", ErrNameTaken, other.Name, other.Address)
	}
	return fmt.Errorf("%w: %s is another machine, last at %s, that is down: give this one another --name or, if it takes the place of that one, "+
		"run `ozymandias delete node %s` first", ErrNameTaken, other.Name, other.Address, other.Name)
}

// Nodes are all that were admitted, by name.
func (c *Cluster) Nodes(ctx context.Context) ([]Node, error) {
	r, err := read(ctx, c.client)
	return r.nodes, err
}

// Admitted looks whether this node is one of the cluster's still. The error is ErrForgotten if it was deleted.
func (c *Cluster) Admitted(ctx context.Context) error {
	r, err := read(ctx, c.client)
	if err != nil {
		return err
	}
	return c.belongs(r)
}

// Forget has a node be none of the cluster's any more, and nothing be known of it, unless it is alive. Its place among etcd's members goes
// to another. The error is state.ErrAlive or state.ErrNoNode if it cannot be.
func (c *Cluster) Forget(ctx context.Context, name string) error {
	// What runs on it goes first, and only if it is not alive. After a crash in between, and for a node that was admitted and has never
	// lived, there is only the second half to do.
	unknown := state.New(c.client).Forget(ctx, name)
	if unknown != nil && !errors.Is(unknown, state.ErrNoNode) {
		return unknown
	}
	answer, err := c.client.Delete(ctx, nodesKey+name)
	switch {
	case err != nil:
		return fmt.Errorf("forget node %s: %w", name, err)
	case answer.Deleted == 0:
		return unknown
	}
	return nil
}
