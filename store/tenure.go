package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/worklist"
)

const (
	// chunkSize is the most of a record that goes into one value; etcd takes requests of 1.5 MiB unless told otherwise.
	chunkSize = 512 << 10
	// foldAfter is how many deltas are folded, if they are no small part of the checkpoint; or foldBytes how many bytes of
	// them beyond its size.
	foldAfter = 1000
	foldBytes = 64 << 10
)

// Tenure is the right to write a list's record, from Acquire until another server owns the list or it is deleted. It is
// used by one goroutine at a time.
type Tenure struct {
	store             *Store
	name, uid         string
	ownerRev, listRev int64 // create revisions of the keys that make the right

	seq        int64 // of the last delta
	generation int64 // of the checkpoint's chunks
	deltas     int   // since the checkpoint
	deltaBytes int
	checkpoint int // bytes

	rows     []batchOfRows // that may be dropped, oldest first
	rowBytes int64         // of all of them
}

// header is the value of the checkpoint key.
type header struct {
	Seq        int64           `json:"seq"`              // deltas up to this one are in the record
	Generation int64           `json:"generation"`       // of the chunks
	Chunks     int             `json:"chunks,omitempty"` // 0: the record is here
	Record     json.RawMessage `json:"record,omitempty"`
}

// Load reads the record and what came since. A list that was never written has the zero Record.
func (t *Tenure) Load(ctx context.Context) (rec worklist.Record, err error) {
	h, rec, err := t.store.readRecord(ctx, t.uid, 0)
	if err != nil {
		return rec, fmt.Errorf("load list %s: %w", t.name, err)
	}
	t.seq, t.generation = h.Seq, h.Generation
	return rec, t.loadRows(ctx)
}

// Record reads a list's record as it is in the store now, for a reader who does not own the list. A list that was never
// written has the zero Record.
func (s *Store) Record(ctx context.Context, l *List) (worklist.Record, error) {
	_, rec, err := s.readRecord(ctx, l.UID, 0)
	if err != nil {
		return rec, fmt.Errorf("read the record of list %s: %w", l.Name, err)
	}
	return rec, nil
}

// readRecord reads at one revision, so that a fold meanwhile does no harm; 0 means the newest.
func (s *Store) readRecord(ctx context.Context, uid string, rev int64) (h header, rec worklist.Record, err error) {
	base := s.key("records/" + uid + "/")
	head, err := s.client.Get(ctx, base+"checkpoint", clientv3.WithRev(rev))
	if err != nil || len(head.Kvs) == 0 {
		return h, rec, err
	}
	rev = head.Header.Revision
	if err := json.Unmarshal(head.Kvs[0].Value, &h); err != nil {
		return h, rec, fmt.Errorf("the stored checkpoint is damaged: %w", err)
	}
	raw := []byte(h.Record)
	if h.Chunks > 0 {
		raw = nil
		for i := range h.Chunks {
			chunk, err := s.client.Get(ctx, chunkKey(base, h.Generation, i), clientv3.WithRev(rev))
			if err != nil {
				return h, rec, err
			}
			if len(chunk.Kvs) == 0 {
				return h, rec, fmt.Errorf("chunk %d of the stored checkpoint is missing", i)
			}
			raw = append(raw, chunk.Kvs[0].Value...)
		}
	}
	if err := json.Unmarshal(raw, &rec); err != nil {
		return h, rec, fmt.Errorf("the stored checkpoint is damaged: %w", err)
	}
	from := deltaKey(base, h.Seq+1)
	end := clientv3.GetPrefixRangeEnd(base + "deltas/")
	for {
		const page = 200
		deltas, err := s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithRev(rev), clientv3.WithLimit(page))
		if err != nil {
			return h, rec, err
		}
		for _, kv := range deltas.Kvs {
			var d worklist.Delta
			if err := json.Unmarshal(kv.Value, &d); err != nil {
				return h, rec, fmt.Errorf("the stored delta %s is damaged: %w", kv.Key, err)
			}
			rec.Apply(&d)
			if h.Seq, err = strconv.ParseInt(string(kv.Key[len(base+"deltas/"):]), 16, 64); err != nil {
				return h, rec, fmt.Errorf("the stored delta %s has no number", kv.Key)
			}
			from = string(kv.Key) + "\x00"
		}
		if !deltas.More {
			return h, rec, rec.Check()
		}
	}
}

// Rows are rows of results to be written with a commit.
type Rows struct {
	Kept bool   // never dropped, however many there are
	Data []byte // JSON lines
}

// RecordBytes is how much the record takes in the store: the checkpoint and the deltas since.
func (t *Tenure) RecordBytes() int { return t.checkpoint + t.deltaBytes }

// FoldDue tells whether the next commit should bring the whole record. A fold costs as much as the record is large, so there
// has to be a share of that in news first; then all that is written is at most a few times the news.
func (t *Tenure) FoldDue() bool {
	return t.deltas >= foldAfter && 4*t.deltaBytes >= t.checkpoint || t.deltaBytes > foldBytes+t.checkpoint
}

// Commit makes a delta and its rows durable, in one transaction.
func (t *Tenure) Commit(ctx context.Context, d *worklist.Delta, rows []Rows) error {
	value, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("commit list %s: %w", t.name, err)
	}
	seq := t.seq + 1
	ops := []clientv3.Op{clientv3.OpPut(deltaKey(t.base(), seq), string(value))}
	more, batches := t.rowOps(seq, rows)
	if err := t.write(ctx, append(ops, more...)); err != nil {
		return err
	}
	t.took(batches...)
	t.seq = seq
	t.deltas++
	t.deltaBytes += len(value)
	return nil
}

// Fold makes a record and rows durable, instead of a delta, and drops the deltas that it holds. The record must not change
// meanwhile: give it marshalled.
func (t *Tenure) Fold(ctx context.Context, record []byte, rows []Rows) error {
	seq, gen := t.seq+1, t.generation+1
	h := header{Seq: seq, Generation: gen}
	if len(record) <= chunkSize {
		h.Record = record
	} else {
		for i := 0; i*chunkSize < len(record); i++ {
			part := record[i*chunkSize : min(len(record), (i+1)*chunkSize)]
			if err := t.write(ctx, []clientv3.Op{clientv3.OpPut(chunkKey(t.base(), gen, i), string(part))}); err != nil {
				return err
			}
			h.Chunks++
		}
	}
	value, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("commit list %s: %w", t.name, err)
	}
	ops := []clientv3.Op{
		clientv3.OpPut(t.base()+"checkpoint", string(value)),
		clientv3.OpDelete(t.base()+"deltas/", clientv3.WithPrefix()),
		clientv3.OpDelete(t.base()+"chunks/", clientv3.WithRange(chunkKey(t.base(), gen, 0))),
	}
	more, batches := t.rowOps(seq, rows)
	if err := t.write(ctx, append(ops, more...)); err != nil {
		return err
	}
	t.took(batches...)
	t.seq, t.generation = seq, gen
	t.deltas, t.deltaBytes, t.checkpoint = 0, 0, len(record)
	return nil
}

// Release gives the list back, so that another server need not wait for this one's lease to run out.
func (t *Tenure) Release(ctx context.Context) error {
	err := t.write(ctx, []clientv3.Op{clientv3.OpDelete(t.store.key("owners/" + t.name))})
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// write is a transaction that succeeds while the tenure lasts. Otherwise the error is ErrLost.
func (t *Tenure) write(ctx context.Context, ops []clientv3.Op) error {
	resp, err := t.store.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(t.store.key("owners/"+t.name)), "=", t.ownerRev),
			clientv3.Compare(clientv3.CreateRevision(t.store.key("lists/"+t.name)), "=", t.listRev)).
		Then(ops...).Commit()
	if err != nil {
		return fmt.Errorf("commit list %s: %w", t.name, err)
	}
	if !resp.Succeeded {
		return fmt.Errorf("commit list %s: %w", t.name, ErrLost)
	}
	return nil
}

func (t *Tenure) base() string { return t.store.key("records/" + t.uid + "/") }

func deltaKey(base string, seq int64) string { return fmt.Sprintf("%sdeltas/%016x", base, seq) }

func chunkKey(base string, generation int64, i int) string {
	return fmt.Sprintf("%schunks/%016x/%08x", base, generation, i)
}
