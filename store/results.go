package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	packer, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
)

// batchOfRows is a batch of rows as it is stored. Its size is part of its key, so that all sizes can be had without reading
// the rows.
type batchOfRows struct {
	key  string
	size int64 // bytes, compressed, with rowOverhead
}

// rowOverhead is about what etcd takes for a batch beside its bytes: the key on disk, and its place in the index in memory.
// Where commits are small and many it is most of all.
const rowOverhead = 256

// rowOps put rows under the commit's number, so that they are read in the order in which they were committed.
func (j *Journal) rowOps(seq int64, rows []Rows) (ops []clientv3.Op, batches []batchOfRows) {
	for _, r := range rows {
		if len(r.Data) == 0 {
			continue
		}
		packed := packer.EncodeAll(r.Data, nil)
		key := fmt.Sprintf("%s%016x-%x", j.objects.store.rowPrefix(j.uid, r.Kept), seq, len(packed))
		ops = append(ops, clientv3.OpPut(key, string(packed)))
		if !r.Kept {
			batches = append(batches, batchOfRows{key, int64(len(packed)) + rowOverhead})
		}
	}
	return ops, batches
}

func (s *Store) rowPrefix(uid string, kept bool) string {
	if kept {
		return s.key("results/" + uid + "/kept/")
	}
	return s.key("results/" + uid + "/done/")
}

// Results yields a list's rows, batch by batch in the order of their commits, JSON lines each; those that are kept, or
// the others.
func (s *Store) Results(ctx context.Context, l *Object, kept bool) iter.Seq2[[]byte, error] {
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

// loadRows learns which batches of rows there are that may be dropped.
func (j *Journal) loadRows(ctx context.Context) error {
	prefix := j.objects.store.rowPrefix(j.uid, false)
	resp, err := j.objects.store.client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return fmt.Errorf("load the results of list %s: %w", j.name, err)
	}
	for _, kv := range resp.Kvs {
		_, hex, _ := strings.Cut(string(kv.Key[len(prefix):]), "-")
		size, err := strconv.ParseInt(hex, 16, 64)
		if err != nil {
			return fmt.Errorf("load the results of list %s: the key %s has no size", j.name, kv.Key)
		}
		j.took(batchOfRows{string(kv.Key), size + rowOverhead})
	}
	return nil
}

func (j *Journal) took(batches ...batchOfRows) {
	for _, b := range batches {
		j.rows = append(j.rows, b)
		j.rowBytes += b.size
	}
}

// TrimResults drops the oldest rows that need not be kept, if there are more than limit bytes of them and an eighth, until
// there are at most limit.
func (j *Journal) TrimResults(ctx context.Context, limit int64) error {
	if j.rowBytes <= limit+limit/8 {
		return nil
	}
	n, left := 0, j.rowBytes
	for ; n < len(j.rows) && left > limit; n++ {
		left -= j.rows[n].size
	}
	last := j.rows[n-1].key + "\x00"
	ops := []clientv3.Op{clientv3.OpDelete(j.objects.store.rowPrefix(j.uid, false), clientv3.WithRange(last))}
	if _, err := j.write(ctx, ops); err != nil {
		return err
	}
	j.rows, j.rowBytes = slices.Delete(j.rows, 0, n), left
	return nil
}
