package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/state"
)

const (
	answersWithin = 5 * time.Second // an etcd that works
	askAgain      = time.Second     // one that does not yet
	tellAgain     = 10 * time.Second
)

// A Cluster is a node's place in its cluster.
type Cluster struct {
	credentials
	options Options
	dir     *directory
	node    Node
	founded bool
	client  *clientv3.Client
	log     *slog.Logger

	// Only Open, then Run, then Close use these.
	self     self
	etcd     *embed.Etcd // nil if this node is not a member
	seen     observed
	avoiding bool // the client does not use all members

	mu        sync.Mutex
	endpoints []string
	changed   chan struct{}
}

// Open opens the cluster whose node this machine is. If it is none yet, it joins the cluster that it is told to, or founds one. It returns
// when etcd answers, however long that takes, as the other machines may come up later; it ends with ctx.
//
// [Cluster.Run] has to run from then on.
func Open(ctx context.Context, o Options) (*Cluster, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	dir, err := openDirectory(o.Data)
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, dir: dir, log: o.Log, changed: make(chan struct{}), seen: observed{patience: o.patience}}
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) open(ctx context.Context) error {
	there, err := c.dir.holdsNode()
	if err != nil {
		return fmt.Errorf("look which node this is: %w", err)
	}
	switch {
	case there && c.options.Restore != "":
		c.log.Info("this machine is a node already: --restore is ignored")
	case there:
	case c.options.ForceNewCluster:
		return notForced("%s holds no node of a cluster", c.options.Data)
	case c.options.Restore != "":
		err = beginRestored(time.Now(), c.options, c.dir)
	case len(c.options.Join) > 0:
		err = join(ctx, c.options, c.dir)
	default:
		err = begin(time.Now(), c.options, c.dir)
	}
	if err != nil {
		return err
	}
	if err := c.recall(time.Now()); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.connect(ctx); err != nil {
		return err
	}
	if err := c.await(ctx); err != nil {
		return err
	}
	c.founded, c.self.Founding = c.self.Founding, false
	c.self.Member = c.etcd != nil
	return c.dir.putSelf(c.self)
}

// begin makes this machine the first node of a new cluster: it has its keys, and nobody knows of it yet.
func begin(now time.Time, o Options, dir *directory) error {
	authority, err := pki.NewAuthority(now)
	if err != nil {
		return err
	}
	key, err := dir.draftKey()
	if err != nil {
		return err
	}
	certificate, err := authority.IssueNode(now, key.Public(), o.Name, o.Address)
	if err != nil {
		return err
	}
	secret := make([]byte, seal.KeySize)
	rand.Read(secret)
	s := self{Name: o.Name, Address: o.Address, Founding: true, External: o.External != nil}
	return dir.settle(s, authority, certificate, secret)
}

// recall reads which node this is, and compares it with what it is told to be.
func (c *Cluster) recall(now time.Time) (err error) {
	o := c.options
	if c.self, err = c.dir.self(); err != nil {
		return err
	}
	switch {
	case c.self.Name != o.Name:
		return fmt.Errorf("name %q is %w: %s has the data of node %s, whose name cannot be changed", o.Name, ErrInvalid, o.Data, c.self.Name)
	case c.self.External && o.External == nil:
		return fmt.Errorf("%w: this cluster has its records in an etcd of your own: give --etcd-endpoints", ErrInvalid)
	case !c.self.External && o.External != nil:
		return fmt.Errorf("%w: this cluster has its records in its embedded etcd: leave out --etcd-endpoints", ErrInvalid)
	}
	if c.self.Address != o.Address {
		c.log.Info("the node has another address than before", "before", c.self.Address, "now", o.Address)
		c.self.Address = o.Address
		if err := c.dir.putSelf(c.self); err != nil {
			return err
		}
	}
	if c.credentials, err = c.dir.credentials(now, c.self); err != nil {
		return err
	}
	if o.Token != "" {
		token, err := pki.ParseToken(o.Token)
		if err != nil {
			return fmt.Errorf("the token is %w: %w", ErrInvalid, err)
		}
		if token.Authority != c.authority.Hash() {
			return fmt.Errorf("%w than the token's: leave out --join and --token, or give another --data-dir", ErrOtherCluster)
		}
	}
	c.node = o.node(pki.ID(c.identity.Public()))
	c.node.Joined = now.UTC()
	return nil
}

// await waits until etcd answers, and finds out whether this node still is in the cluster.
func (c *Cluster) await(ctx context.Context) error {
	var told time.Time
	for {
		err := c.enroll(ctx)
		if err == nil || isFinal(err) {
			return err
		}
		if time.Since(told) > tellAgain {
			told = time.Now()
			c.log.Warn("waiting for the cluster's etcd", "endpoints", c.endpoints, "error", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the cluster's etcd at %v: %w: %w", c.endpoints, ctx.Err(), err)
		case err := <-failed(c.etcd):
			return fmt.Errorf("etcd has ended: %w", err)
		case <-stopped(c.etcd):
			// The others have removed it while it was off. They answer, though it does not.
			if err := c.leave(); err != nil {
				return err
			}
		case <-time.After(askAgain):
		}
	}
}

// enroll finds the node among the cluster's, with its addresses as they are now.
func (c *Cluster) enroll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	r, err := read(ctx, c.client)
	if err != nil {
		return err
	}
	if r.format.Format == 0 && c.self.Founding {
		if err := found(ctx, c.client, c.node, c.credentials); err != nil {
			return err
		}
		if r, err = read(ctx, c.client); err != nil {
			return err
		}
	}
	if err := c.belongs(r); err != nil {
		return err
	}
	known, _ := r.node(c.node.Name)
	c.node.Joined = known.Joined
	if known != c.node {
		life, _, err := state.New(c.client).Life(ctx, c.node.Name)
		if err != nil {
			return err
		}
		if life.Incarnation != "" {
			// Either it was alive a moment ago, or this is a copy of its data.
			return fmt.Errorf("node %s is alive at %s: it can have another address when its lease has ended", c.node.Name, known.Address)
		}
		answer, err := c.client.Txn(ctx).If(r.unchanged()).Then(put(nodesKey+c.node.Name, c.node)).Commit()
		if err != nil {
			return fmt.Errorf("write the node's addresses: %w", err)
		}
		if !answer.Succeeded {
			return errors.New("write the node's addresses: the nodes have changed meanwhile")
		}
	}
	if c.options.External != nil {
		return nil
	}
	list, err := c.client.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("list the members of etcd: %w", err)
	}
	if peer := []string{c.node.peerURL()}; c.etcd != nil {
		for _, m := range list.Members {
			if m.ID == uint64(c.etcd.Server.MemberID()) && !slices.Equal(m.PeerURLs, peer) {
				if _, err := c.client.MemberUpdate(ctx, m.ID, peer); err != nil {
					return fmt.Errorf("tell etcd the node's address: %w", err)
				}
			}
		}
	}
	return c.follow(list.Members)
}

// belongs finds out whether the node is one of the cluster's.
func (c *Cluster) belongs(r records) error {
	hash := c.authority.Hash()
	known, there := r.node(c.node.Name)
	switch {
	case r.format.Cluster != hex.EncodeToString(hash[:]) && c.self.External:
		return fmt.Errorf("%w than the one in this etcd: to join that, %s, with --join HOST:%d and --token-file with what `ozymandias token join` prints on one of its nodes",
			ErrOtherCluster, again, DefaultAPIPort)
	case r.format.Cluster != hex.EncodeToString(hash[:]):
		return fmt.Errorf("%w than the one at %v: to join that, %s", ErrOtherCluster, c.Etcd().Endpoints, again)
	case !there || known.ID != c.node.ID:
		return fmt.Errorf("%w (%s): to have it again, %s", ErrForgotten, c.node.Name, again)
	}
	return nil
}

// again is how a machine becomes another node than it is.
const again = "run `ozymandias reset` on this machine, which removes its volumes as well, and start the node anew"

// dataLost says what to do without the data of etcd. As a new member it would vote twice for what it has voted for before.
func (c *Cluster) dataLost() error {
	return fmt.Errorf("%w: %s is empty, and this node has been a member of etcd. Run `ozymandias delete node %s` on another node; then, to have this one again, %s. "+
		"If no other is left, the cluster is lost: that founds a new one", ErrDataLost, c.dir.etcd(), c.node.Name, again)
}

// isFinal reports whether trying again would not help.
func isFinal(err error) bool {
	return errors.Is(err, ErrNewer) || errors.Is(err, ErrOtherCluster) || errors.Is(err, ErrForgotten) || errors.Is(err, ErrDataLost)
}

// stopped is closed when etcd has stopped by itself, which it does when it was removed from the cluster.
func stopped(etcd *embed.Etcd) <-chan struct{} {
	if etcd == nil {
		return nil
	}
	return etcd.Server.StopNotify()
}

// failed tells when etcd cannot serve any more.
func failed(etcd *embed.Etcd) <-chan error {
	if etcd == nil {
		return nil
	}
	return etcd.Err()
}

// leave ends an etcd that is not a member any more, and removes its data, which would be of no use.
func (c *Cluster) leave() error {
	c.log.Info("etcd has ended here: this node is not a member any more")
	stopEtcd(c.etcd)
	c.etcd = nil
	c.self.Member = false
	return c.dir.dropEtcd(c.self)
}

// Close ends what Open has begun. Run has to have ended.
func (c *Cluster) Close() error {
	var err error
	if c.client != nil {
		err = c.client.Close()
	}
	if c.etcd != nil {
		stopEtcd(c.etcd)
	}
	c.dir.close()
	return err
}

// Founded reports whether Open has founded the cluster.
func (c *Cluster) Founded() bool { return c.founded }

// Client is a client of etcd. It follows etcd's members.
func (c *Cluster) Client() *clientv3.Client { return c.client }

// Server is for the node's API. Who is at the other end, [pki.Who] tells: those who join, and those who use a token, show no certificate.
func (c *Cluster) Server() *tls.Config { return c.identity.Server() }

// Dial is for connecting to the API of other nodes.
func (c *Cluster) Dial() *tls.Config { return c.identity.Client() }

// Key is the cluster's, of 32 bytes, which all nodes have and etcd has not.
func (c *Cluster) Key() []byte { return bytes.Clone(c.key) }

// Authority issues certificates of the cluster.
func (c *Cluster) Authority() *pki.Authority { return c.authority }

// Token is what a machine needs for joining.
func (c *Cluster) Token(ctx context.Context) (string, error) {
	token, err := c.token(ctx)
	if err != nil {
		return "", err
	}
	return token.String(), nil
}

func (c *Cluster) token(ctx context.Context) (pki.Token, error) {
	r, err := read(ctx, c.client)
	if err != nil {
		return pki.Token{}, err
	}
	secret, err := unsealToken(c.key, r.token)
	if err != nil {
		return pki.Token{}, fmt.Errorf("read the token: %w", err)
	}
	return pki.Token{Authority: c.authority.Hash(), Secret: secret}, nil
}

// NewToken makes another token. The one before it is void.
func (c *Cluster) NewToken(ctx context.Context) (string, error) {
	secret := pki.NewSecret()
	sealed, err := sealToken(c.key, secret)
	if err != nil {
		return "", err
	}
	if _, err := c.client.Put(ctx, tokenKey, sealed); err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	return pki.Token{Authority: c.authority.Hash(), Secret: secret}.String(), nil
}
