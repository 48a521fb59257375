package cluster

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/state"
)

// The keys of the records.
const (
	prefix    = state.Prefix + "cluster/"
	formatKey = prefix + "format"
	nodesKey  = prefix + "nodes/"
	tokenKey  = prefix + "token"
	turnKey   = prefix + "turn"
)

// currentFormat is that of the records this program reads and writes, all below /ozymandias/. It is to be counted up with any change that
// an older program would misread.
const currentFormat = 1

// format is the first record of a cluster.
type format struct {
	Format  int       `json:"format"`
	Cluster string    `json:"cluster"` // the hash of its authority
	Founded time.Time `json:"founded"`
}

// A Node is one that was admitted.
type Node struct {
	Name string `json:"name"`
	// ID is the machine's identity, which goes with its private key.
	ID      string     `json:"id"`
	Address netip.Addr `json:"address"`
	// API, Client and Peer are where its API and its etcd listen, or would: HOST:PORT.
	API    string    `json:"api"`
	Client string    `json:"client"`
	Peer   string    `json:"peer"`
	Joined time.Time `json:"joined"`
}

// member is the node's name in etcd. A machine that comes again under a name that was forgotten is another member.
func (n Node) member() string { return n.Name + "-" + n.ID }

// clientURL and peerURL are where its member of etcd is reached, or would be.
func (n Node) clientURL() string { return "https://" + n.Client }
func (n Node) peerURL() string   { return "https://" + n.Peer }

// records is what a cluster knows of itself, at one revision.
type records struct {
	format   format
	nodes    []Node // by name
	token    []byte
	revision int64
}

// node returns the node of a name.
func (r records) node(name string) (Node, bool) {
	i, found := slices.BinarySearchFunc(r.nodes, name, func(n Node, name string) int { return strings.Compare(n.Name, name) })
	if !found {
		return Node{}, false
	}
	return r.nodes[i], true
}

// unchanged is the condition that no node was admitted, and none has changed, since the records were read.
func (r records) unchanged() clientv3.Cmp {
	return clientv3.Compare(clientv3.ModRevision(nodesKey), "<", r.revision+1).WithPrefix()
}

// read reads the records. It fails with ErrNewer if they are of a format that this program does not know.
func read(ctx context.Context, client *clientv3.Client) (records, error) {
	answer, err := client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return records{}, fmt.Errorf("read the records of the cluster: %w", err)
	}
	r := records{revision: answer.Header.Revision}
	for _, kv := range answer.Kvs {
		if err := r.add(kv); err != nil {
			return records{}, fmt.Errorf("read the records of the cluster: %s: %w", kv.Key, err)
		}
	}
	if r.format.Format > currentFormat {
		return records{}, fmt.Errorf("%w: its records have format %d, and this program knows up to %d: update it", ErrNewer, r.format.Format, currentFormat)
	}
	return r, nil
}

func (r *records) add(kv *mvccpb.KeyValue) error {
	key := string(kv.Key)
	name, isNode := strings.CutPrefix(key, nodesKey)
	switch {
	case key == formatKey:
		return json.Unmarshal(kv.Value, &r.format)
	case key == tokenKey:
		r.token = kv.Value
	case isNode:
		var n Node
		if err := json.Unmarshal(kv.Value, &n); err != nil {
			return err
		}
		n.Name = name
		r.nodes = append(r.nodes, n)
	}
	return nil
}

// found writes the first records, if there are none. If there are, they have to be this cluster's, which was interrupted in founding.
func found(ctx context.Context, client *clientv3.Client, first Node, c credentials) error {
	hash := c.authority.Hash()
	f := format{Format: currentFormat, Cluster: hex.EncodeToString(hash[:]), Founded: first.Joined}
	token, err := sealToken(c.key, pki.NewSecret())
	if err != nil {
		return err
	}
	_, err = client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(formatKey), "=", 0)).Then(
		put(formatKey, f), put(nodesKey+first.Name, first), clientv3.OpPut(tokenKey, token)).Commit()
	if err != nil {
		return fmt.Errorf("write the first records of the cluster: %w", err)
	}
	return nil
}

// put writes a record of this package. Such a record always has JSON.
func put(key string, record any) clientv3.Op {
	b, err := json.Marshal(record)
	if err != nil {
		panic(err)
	}
	return clientv3.OpPut(key, string(b))
}

// tokenPurpose is what the key is for by which the token is sealed.
const tokenPurpose = "ozymandias join token"

// sealToken hides the token's secret from whoever has etcd's data and not the cluster's key, as in a backup.
func sealToken(key []byte, secret string) (string, error) {
	box, err := seal.New(key, tokenPurpose)
	if err != nil {
		return "", err
	}
	return string(box.Seal([]byte(secret), nil)), nil
}

func unsealToken(key, sealed []byte) (secret string, err error) {
	box, err := seal.New(key, tokenPurpose)
	if err != nil {
		return "", err
	}
	text, err := box.Open(sealed, nil)
	if err != nil {
		return "", errors.New("it is not sealed by this cluster's key")
	}
	return string(text), nil
}
