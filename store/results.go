package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/klauspost/compress/zstd"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
)

// rowOps put rows under the commit's number, so that they are read in the order in which they were committed.
func (t *Tenure) rowOps(seq int64, rows []Rows) (ops []clientv3.Op) {
	for _, r := range rows {
		if len(r.Data) > 0 {
			ops = append(ops, clientv3.OpPut(t.store.rowKey(t.uid, r.Kept, seq), string(packer.EncodeAll(r.Data, nil))))
		}
	}
	return ops
}

func (s *Store) rowPrefix(uid string, kept bool) string {
	if kept {
		return s.key("results/" + uid + "/kept/")
	}
	return s.key("results/" + uid + "/done/")
}

func (s *Store) rowKey(uid string, kept bool, seq int64) string {
	return fmt.Sprintf("%s%016x", s.rowPrefix(uid, kept), seq)
}

// Results yields a list's rows, batch by batch in the order of their commits, JSON lines each; those that are kept, or
// the others.
func (s *Store) Results(ctx context.Context, l *List, kept bool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		prefix := s.rowPrefix(l.UID, kept)
		from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
		for {
			const page = 16 // batches of up to about 1 MiB each
			resp, err := s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(page))
			if err != nil {
				yield(nil, fmt.Errorf("read the results of list %s: %w", l.Name, err))
				return
			}
			for _, kv := range resp.Kvs {
				rows, err := unpacker.DecodeAll(kv.Value, nil)
				if err != nil {
					err = fmt.Errorf("read the results of list %s: %w", l.Name, err)
				}
				if !yield(rows, err) || err != nil {
					return
				}
				from = string(kv.Key) + "\x00"
			}
			if !resp.More {
				return
			}
		}
	}
}

// TrimResults drops the oldest rows that need not be kept until the rest takes at most limit bytes in the store.
func (t *Tenure) TrimResults(ctx context.Context, limit int64) error {
	prefix := t.store.rowPrefix(t.uid, false)
	newest := clientv3.GetPrefixRangeEnd(prefix)
	var sum int64
	// From the newest to the oldest: what lies behind the limit goes.
	for {
		const page = 256
		resp, err := t.store.client.Get(ctx, prefix, clientv3.WithRange(newest), clientv3.WithLimit(page),
			clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend))
		if err != nil {
			return fmt.Errorf("trim the results of list %s: %w", t.name, err)
		}
		for _, kv := range resp.Kvs {
			if sum+int64(len(kv.Value)) > limit {
				ops := []clientv3.Op{clientv3.OpDelete(prefix, clientv3.WithRange(string(kv.Key)+"\x00"))}
				return t.write(ctx, ops)
			}
			sum += int64(len(kv.Value))
			newest = string(kv.Key)
		}
		if len(resp.Kvs) < page {
			return nil
		}
	}
}
