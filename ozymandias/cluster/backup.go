package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/durable"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/state"
)

// A backup is all of a cluster that cannot be had again without it: the keys, and the records that are under no lease, and of those that are under
// one the certificates of admins: nobody renews it, it only says when they end.
type backup struct {
	Made         time.Time `json:"made"`
	Authority    string    `json:"authority"` // PEM
	AuthorityKey string    `json:"authority_key"`
	Key          []byte    `json:"key"`
	Revision     int64     `json:"revision"` // of etcd
	Records      []record  `json:"records"`
}

type record struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
	// Ends is when it goes by itself. Zero: it does not.
	Ends time.Time `json:"ends,omitzero"`
}

// CertificatesKey is what the keys of the records of admins' certificates begin with, which package api writes. They are under leases, which end
// with the certificates: without its record a certificate opens nothing. (Below certificates/ are the ingress's.)
const CertificatesKey = state.Prefix + "clients/"

// backedUp is what the keys of all records begin with, those of the pods' network, too.
var backedUp = strings.TrimSuffix(state.Prefix, "/")

// backupWithin is how long etcd may take to give all records.
const backupWithin = time.Minute

// Backup writes down the cluster whose node has its data in a directory, whether that node runs or not, for [Options.Restore]. Whoever can read it has
// the cluster's keys.
func Backup(ctx context.Context, data string, w io.Writer) error {
	dir := &directory{path: data} // not locked: it is only read
	there, err := dir.holdsNode()
	if err != nil {
		return fmt.Errorf("look which node this is: %w", err)
	}
	if !there {
		return fmt.Errorf("%w: %s holds no node of a cluster: give the --data-dir of one", ErrInvalid, data)
	}
	s, err := dir.self()
	if err != nil {
		return err
	}
	if s.External {
		return fmt.Errorf("%w: this cluster has its records in an etcd of your own: back that up, and %s", ErrInvalid, dir.pki(""))
	}
	keys, err := dir.credentials(time.Now(), s)
	if err != nil {
		return err
	}
	b := backup{Made: time.Now().UTC(), Key: keys.key}
	authority, authorityKey, err := keys.authority.Encode()
	if err != nil {
		return err
	}
	b.Authority, b.AuthorityKey = string(authority), string(authorityKey)
	client, err := dial(s.Endpoints, keys.identity.Client(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, backupWithin)
	defer cancel()
	answer, err := client.Get(ctx, backedUp, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("read the records from etcd at %v: %w", s.Endpoints, err)
	}
	b.Revision = answer.Header.Revision
	for _, kv := range answer.Kvs {
		r := record{Key: string(kv.Key), Value: kv.Value}
		switch {
		case kv.Lease == 0:
		case strings.HasPrefix(r.Key, CertificatesKey):
			// That the lease would tell is not certain: etcd may give it all its time anew when its members change their leader.
			var certificate struct {
				Ends time.Time `json:"ends"`
			}
			if json.Unmarshal(kv.Value, &certificate) != nil || certificate.Ends.IsZero() {
				continue // nobody could say when it is to go
			}
			r.Ends = certificate.Ends
		default:
			continue // of a node, which says it again
		}
		b.Records = append(b.Records, r)
	}
	if err := json.NewEncoder(w).Encode(b); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

func readBackup(file string) (b backup, err error) {
	f, err := os.Open(file)
	if err != nil {
		return b, fmt.Errorf("read the backup: %w", err)
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&b); err != nil {
		return b, fmt.Errorf("read the backup: %s: %w", file, err)
	}
	if len(b.Key) != seal.KeySize || len(b.Records) == 0 {
		return b, fmt.Errorf("%w: %s is no backup by `ozymandias backup`", ErrInvalid, file)
	}
	return b, nil
}

// beginRestored makes this machine the first node of the cluster of a backup, which is kept with its keys until etcd has begun with it.
func beginRestored(now time.Time, o Options, dir *directory) error {
	b, err := readBackup(o.Restore)
	if err != nil {
		return err
	}
	authority, err := pki.ParseAuthority([]byte(b.Authority), []byte(b.AuthorityKey))
	if err != nil {
		return fmt.Errorf("read the backup: %s: %w", o.Restore, err)
	}
	key, err := dir.draftKey()
	if err != nil {
		return err
	}
	certificate, err := authority.IssueNode(now, key.Public(), o.Name, o.Address)
	if err != nil {
		return err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := durable.Write(dir.draft(restoredFile), text); err != nil {
		return err
	}
	return dir.settle(self{Name: o.Name, Address: o.Address, Restoring: true}, authority, certificate, b.Key)
}

// refill has etcd begin with the records of a backup.
func (c *Cluster) refill(ctx context.Context) error {
	b, err := readBackup(c.dir.pki(restoredFile))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(c.dir.etcdNew()); err != nil {
		return err
	}
	return c.aside(ctx, c.configureEtcd(nil), func(ctx context.Context, client *clientv3.Client) (int64, error) {
		revision, err := c.fill(ctx, client, b)
		return max(revision, b.Revision), err
	})
}

// fill writes the records of a backup. The nodes that there were are none any more: their machines may be gone, and what they ran is to be placed
// anew.
func (c *Cluster) fill(ctx context.Context, client *clientv3.Client, b backup) (revision int64, err error) {
	for _, r := range b.Records {
		if err := r.write(ctx, client, time.Now()); err != nil {
			return 0, fmt.Errorf("write %s: %w", r.Key, err)
		}
	}
	r, err := read(ctx, client)
	if err != nil {
		return 0, err
	}
	store := state.New(client)
	for _, n := range r.nodes {
		if err := store.Forget(ctx, n.Name); err != nil && !errors.Is(err, state.ErrNoNode) {
			return 0, err
		}
		if _, err := client.Delete(ctx, nodesKey+n.Name); err != nil {
			return 0, fmt.Errorf("forget node %s: %w", n.Name, err)
		}
	}
	if _, err := client.Txn(ctx).Then(put(nodesKey+c.node.Name, c.node)).Commit(); err != nil {
		return 0, fmt.Errorf("write the node's record: %w", err)
	}
	if r, err = read(ctx, client); err != nil {
		return 0, err
	}
	if err := c.belongs(r); err != nil {
		return 0, err
	}
	return goOn(ctx, client, "the cluster is restored from a backup of "+b.Made.Format(time.RFC3339))
}

// write writes it as it was, unless it has ended meanwhile.
func (r record) write(ctx context.Context, client *clientv3.Client, now time.Time) error {
	var options []clientv3.OpOption
	if !r.Ends.IsZero() {
		left := r.Ends.Sub(now)
		if left <= 0 {
			return nil
		}
		lease, err := client.Grant(ctx, int64(left/time.Second)+1)
		if err != nil {
			return err
		}
		options = append(options, clientv3.WithLease(lease.ID))
	}
	_, err := client.Put(ctx, r.Key, string(r.Value), options...)
	return err
}
