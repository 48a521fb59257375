package store

import (
	"context"
	"encoding/json"
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

// Journal is the record of a list, and its results, under a tenure. It is used by one goroutine at a time.
type Journal struct {
	*Tenure

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

// NewJournal is the journal of the list of a tenure.
func NewJournal(t *Tenure) *Journal { return &Journal{Tenure: t} }

// Load reads the record and what came since. A list that was never written has the zero Record.
func (j *Journal) Load(ctx context.Context) (rec worklist.Record, err error) {
	h, rec, err := j.objects.store.readRecord(ctx, j.uid, 0)
	if err != nil {
		return rec, fmt.Errorf("load list %s: %w", j.name, err)
	}
	j.seq, j.generation = h.Seq, h.Generation
	return rec, j.loadRows(ctx)
}

// Record reads a list's record as it is in the store now, for a reader who does not own the list. A list that was never
// written has the zero Record.
func (s *Store) Record(ctx context.Context, l *Object) (worklist.Record, error) {
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
func (j *Journal) RecordBytes() int { return j.checkpoint + j.deltaBytes }

// FoldDue tells whether the next commit should bring the whole record. A fold costs as much as the record is large, so there
// has to be a share of that in news first; then all that is written is at most a few times the news.
func (j *Journal) FoldDue() bool {
	return j.deltas >= foldAfter && 4*j.deltaBytes >= j.checkpoint || j.deltaBytes > foldBytes+j.checkpoint
}

// Commit makes a delta and its rows durable, in one transaction.
func (j *Journal) Commit(ctx context.Context, d *worklist.Delta, rows []Rows) error {
	value, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("commit list %s: %w", j.name, err)
	}
	seq := j.seq + 1
	ops := []clientv3.Op{clientv3.OpPut(deltaKey(j.base(), seq), string(value))}
	more, batches := j.rowOps(seq, rows)
	if _, err := j.write(ctx, append(ops, more...)); err != nil {
		return err
	}
	j.took(batches...)
	j.seq = seq
	j.deltas++
	j.deltaBytes += len(value)
	return nil
}

// Fold makes a record and rows durable, instead of a delta, and drops the deltas that it holds. The record must not change
// meanwhile: give it marshalled.
func (j *Journal) Fold(ctx context.Context, record []byte, rows []Rows) error {
	seq, gen := j.seq+1, j.generation+1
	h := header{Seq: seq, Generation: gen}
	if len(record) <= chunkSize {
		h.Record = record
	} else {
		for i := 0; i*chunkSize < len(record); i++ {
			part := record[i*chunkSize : min(len(record), (i+1)*chunkSize)]
			if _, err := j.write(ctx, []clientv3.Op{clientv3.OpPut(chunkKey(j.base(), gen, i), string(part))}); err != nil {
				return err
			}
			h.Chunks++
		}
	}
	value, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("commit list %s: %w", j.name, err)
	}
	ops := []clientv3.Op{
		clientv3.OpPut(j.base()+"checkpoint", string(value)),
		clientv3.OpDelete(j.base()+"deltas/", clientv3.WithPrefix()),
		clientv3.OpDelete(j.base()+"chunks/", clientv3.WithRange(chunkKey(j.base(), gen, 0))),
	}
	more, batches := j.rowOps(seq, rows)
	if _, err := j.write(ctx, append(ops, more...)); err != nil {
		return err
	}
	j.took(batches...)
	j.seq, j.generation = seq, gen
	j.deltas, j.deltaBytes, j.checkpoint = 0, 0, len(record)
	return nil
}

func (j *Journal) base() string { return j.objects.store.key("records/" + j.uid + "/") }

func deltaKey(base string, seq int64) string { return fmt.Sprintf("%sdeltas/%016x", base, seq) }

func chunkKey(base string, generation int64, i int) string {
	return fmt.Sprintf("%schunks/%016x/%08x", base, generation, i)
}
