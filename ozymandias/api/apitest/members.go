package apitest

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"

	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/state"
)

// Members are a membership on paper: of the nodes whose API is served by [Cluster.Remote]. A machine that shows the token is let in, and is none
// of them all the same.
type Members struct {
	store *state.Store

	mu     sync.Mutex
	nodes  []cluster.Node
	tokens int // were made before this one
	tries  int
}

// Nodes are those that have a certificate, but for those that were forgotten.
func (m *Members) Nodes(context.Context) ([]cluster.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.nodes), nil
}

// enter has a node be one that has this certificate, and no other.
func (m *Members) enter(name string, certificate *x509.Certificate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes = append(m.without(name), cluster.Node{Name: name, ID: pki.Holder(certificate)})
}

func (m *Members) without(name string) []cluster.Node {
	return slices.DeleteFunc(slices.Clone(m.nodes), func(n cluster.Node) bool { return n.Name == name })
}

// Admit counts who comes, and turns away who has not the token.
func (m *Members) Admit(_ context.Context, r cluster.JoinRequest) (cluster.Welcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tries++; !m.token().Matches(r.Secret) {
		return cluster.Welcome{}, cluster.ErrToken
	}
	return cluster.Welcome{}, nil
}

// Tries is how often Admit was called.
func (m *Members) Tries() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries
}

// Token is the same in each test, so that what is said of it can be compared.
func (m *Members) Token(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token().String(), nil
}

func (m *Members) token() pki.Token { return pki.Token{Secret: fmt.Sprintf("secret-%d", m.tokens)} }

// NewToken has the next one be the token.
func (m *Members) NewToken(ctx context.Context) (string, error) {
	m.mu.Lock()
	m.tokens++
	m.mu.Unlock()
	return m.Token(ctx)
}

// Forget has a node be none, as package cluster does.
func (m *Members) Forget(ctx context.Context, name string) error {
	if err := m.store.Forget(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes = m.without(name)
	return nil
}
