package store

import (
	"bytes"
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// What goes into one transaction: etcd takes 128 operations and 1.5 MiB unless told otherwise.
const (
	txnPieces = 100
	txnBytes  = 1 << 20
)

// packFrom is the size from which a piece is compressed. Smaller ones can be read with etcdctl.
const packFrom = 64 << 10

// Handover is the record of a swarm under a tenure, in pieces: a head, and a part for each worker (see package handover). It
// does not look into them. It is used by one goroutine at a time.
type Handover struct {
	*Tenure

	head int64 // revision that wrote the head last; 0: it was never written
}

// Piece is one of the pieces of a swarm's record.
type Piece struct {
	Worker string // whose part it is; "": it is the head
	Value  []byte // JSON; nil: the part is deleted
}

// NewHandover is the record of the swarm of a tenure.
func NewHandover(t *Tenure) *Handover { return &Handover{Tenure: t} }

// Load reads the head (nil: it was never written) and then the parts, by worker.
func (h *Handover) Load(ctx context.Context) (head []byte, parts []Piece, err error) {
	s := h.objects.store
	if head, h.head, err = s.readHead(ctx, h.uid); err == nil {
		parts, err = s.readParts(ctx, h.uid)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("load swarm %s: %w", h.name, err)
	}
	return head, parts, nil
}

// Head reads the head of a swarm's record as it is in the store now, for a reader who does not own the swarm; nil: it was never
// written.
func (s *Store) Head(ctx context.Context, x *Object) ([]byte, error) {
	head, _, err := s.readHead(ctx, x.UID)
	if err != nil {
		return nil, fmt.Errorf("read the record of swarm %s: %w", x.Name, err)
	}
	return head, nil
}

func (s *Store) readHead(ctx context.Context, uid string) (head []byte, revision int64, err error) {
	resp, err := s.client.Get(ctx, s.headKey(uid))
	if err != nil || len(resp.Kvs) == 0 {
		return nil, 0, err
	}
	if head, err = unpacked(resp.Kvs[0].Value); err != nil {
		return nil, 0, fmt.Errorf("the stored head is damaged: %w", err)
	}
	return head, resp.Kvs[0].ModRevision, nil
}

func (s *Store) readParts(ctx context.Context, uid string) (parts []Piece, err error) {
	prefix := s.partKey(uid, "")
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		const page = 200
		resp, err := s.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(page))
		if err != nil {
			return nil, err
		}
		for _, kv := range resp.Kvs {
			value, err := unpacked(kv.Value)
			if err != nil {
				return nil, fmt.Errorf("the stored part %s is damaged: %w", kv.Key, err)
			}
			parts = append(parts, Piece{string(kv.Key[len(prefix):]), value})
			from = string(kv.Key) + "\x00"
		}
		if !resp.More {
			return parts, nil
		}
	}
}

// Write makes pieces durable one after the other, so that a crash leaves the first ones. As many as may share a transaction. It
// fails with ErrLost once the tenure is over, or if somebody else wrote the head.
func (h *Handover) Write(ctx context.Context, pieces []Piece) error {
	for len(pieces) > 0 {
		var ops []clientv3.Op
		size, head := 0, false
		for len(pieces) > 0 && len(ops) < txnPieces {
			p := pieces[0]
			value := packed(p.Value)
			if size += len(value); size > txnBytes && len(ops) > 0 {
				break
			}
			switch {
			case p.Worker == "":
				head = true
				ops = append(ops, clientv3.OpPut(h.objects.store.headKey(h.uid), string(value)))
			case p.Value == nil:
				ops = append(ops, clientv3.OpDelete(h.objects.store.partKey(h.uid, p.Worker)))
			default:
				ops = append(ops, clientv3.OpPut(h.objects.store.partKey(h.uid, p.Worker), string(value)))
			}
			pieces = pieces[1:]
		}
		revision, err := h.write(ctx, ops, clientv3.Compare(clientv3.ModRevision(h.objects.store.headKey(h.uid)), "=", h.head))
		if err != nil {
			return err
		}
		if head {
			h.head = revision
		}
	}
	return nil
}

func (s *Store) headKey(uid string) string { return s.key("handovers/" + uid + "/head") }

func (s *Store) partKey(uid, worker string) string {
	return s.key("handovers/" + uid + "/parts/" + worker)
}

// packed is a value as it is stored.
func packed(value []byte) []byte {
	if len(value) < packFrom {
		return value
	}
	return packer.EncodeAll(value, nil)
}

// unpacked is the value of what is stored. No JSON begins as what is compressed does (RFC 8878, section 3.1.1).
func unpacked(stored []byte) ([]byte, error) {
	if !bytes.HasPrefix(stored, []byte{0x28, 0xB5, 0x2F, 0xFD}) {
		return stored, nil
	}
	return unpacker.DecodeAll(stored, nil)
}
