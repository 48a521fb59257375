package names

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// hosts is the file of all names as etcd last told them.
func (o Options) hosts() string { return filepath.Join(o.Dir, "hosts") }

// follow keeps the file up to date until ctx ends.
func (o Options) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := o.watch(ctx); err != nil && ctx.Err() == nil {
			o.Log.Warn("names are not noted for the time when etcd is away", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// watch reads all records, then follows their changes. Without an error it is to be called again.
func (o Options) watch(ctx context.Context) error {
	ctx, done := context.WithCancel(clientv3.WithRequireLeader(ctx)) // or else a member that is cut off itself keeps silent
	defer done()
	all, err := o.Client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	records := make(map[string]netip.Addr)
	for _, kv := range all.Kvs {
		note(records, kv.Key, kv.Value)
	}
	if err := o.write(records); err != nil {
		return err
	}
	// CoreDNS looks once a second, too.
	look := time.NewTicker(time.Second)
	defer look.Stop()
	news := o.Client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(all.Header.Revision+1))
	for changed := false; ; {
		select {
		case <-look.C:
			if !changed {
				continue
			}
			if err := o.write(records); err != nil {
				return err
			}
			changed = false
		case answer, ok := <-news:
			switch err := answer.Err(); {
			case !ok || errors.Is(err, rpctypes.ErrCompacted):
				return nil // to begin anew
			case err != nil:
				return fmt.Errorf("follow names: %w", err)
			}
			for _, event := range answer.Events {
				note(records, event.Kv.Key, event.Kv.Value)
			}
			changed = changed || len(answer.Events) > 0
		}
	}
}

// note takes a record in; without a value it is gone.
func note(records map[string]netip.Addr, key, value []byte) {
	var record struct {
		Host netip.Addr `json:"host"`
	}
	if err := json.Unmarshal(value, &record); err != nil {
		delete(records, string(key))
		return
	}
	records[string(key)] = record.Host
}

// write writes the file as a whole, so that CoreDNS never reads half of it.
func (o Options) write(records map[string]netip.Addr) error {
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(records)) {
		labels := strings.Split(strings.TrimPrefix(key, prefix), "/")
		if len(labels) < 2 {
			continue // nobody's
		}
		fmt.Fprintf(&b, "%s %s.%s %s.%[2]s.%[3]s\n", records[key], labels[0], Domain, labels[1])
	}
	half := o.hosts() + ".new"
	if err := os.WriteFile(half, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("note names: %w", err)
	}
	if err := os.Rename(half, o.hosts()); err != nil {
		return fmt.Errorf("note names: %w", err)
	}
	return nil
}
