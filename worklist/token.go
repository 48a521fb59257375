package worklist

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"time"
)

// Token is what a worker has in hand: which block, of which takeover, in which attempt. It carries all that is needed to
// know the lease again after a crash, because nothing is stored per lease.
type Token struct {
	Epoch    uint64
	ID       uint64 // of the lease, within the epoch
	Range    Range
	Attempt  int
	Deadline time.Time // in whole milliseconds; for the worker's information, the server goes by its own books
	Worker   string
}

// ErrToken means that a token was not given out by this list to this worker.
var ErrToken = errors.New("the token is not a lease of this worklist held by this worker")

// macSize is the bytes of the code in a token: HMAC-SHA256 cut to 128 bits, as RFC 2104 section 5 allows.
const macSize = 16

// Sealer signs tokens of one list and checks them. The worker's name is signed but not carried: whoever presents the
// token says who they are. A Sealer is not safe for concurrent use.
type Sealer struct {
	mac hash.Hash
	buf []byte
}

// NewSealer makes a sealer from the servers' secret and the list's unique id, so that a list made anew under an old name
// refuses the tokens of the old one.
func NewSealer(secret []byte, listID string) *Sealer {
	derive := hmac.New(sha256.New, secret)
	derive.Write([]byte("worklist lease\x00" + listID))
	return &Sealer{mac: hmac.New(sha256.New, derive.Sum(nil))}
}

// Seal is the token as text: about 46 characters, safe in URLs and JSON.
func (s *Sealer) Seal(t Token) string {
	b := s.buf[:0]
	b = binary.AppendUvarint(b, t.Epoch)
	b = binary.AppendUvarint(b, t.ID)
	b = binary.AppendUvarint(b, uint64(t.Range.Start))
	b = binary.AppendUvarint(b, uint64(t.Range.Size()))
	b = binary.AppendUvarint(b, uint64(t.Attempt))
	b = binary.AppendUvarint(b, uint64(t.Deadline.UnixMilli()))
	b = s.appendMAC(b, t.Worker)
	s.buf = b
	return base64.RawURLEncoding.EncodeToString(b)
}

// Open reads a token that the worker presents. The error is always [ErrToken]: a forger is not told what was wrong.
func (s *Sealer) Open(text, worker string) (Token, error) {
	n := base64.RawURLEncoding.DecodedLen(len(text))
	if n <= macSize || n > 128 {
		return Token{}, ErrToken
	}
	raw, err := base64.RawURLEncoding.AppendDecode(make([]byte, 0, 128), []byte(text))
	if err != nil || len(raw) <= macSize {
		return Token{}, ErrToken
	}
	payload := raw[:len(raw)-macSize]
	s.buf = s.appendMAC(append(s.buf[:0], payload...), worker)
	if !hmac.Equal(s.buf[len(payload):], raw[len(payload):]) {
		return Token{}, ErrToken
	}
	var fields [6]uint64
	for i := range fields {
		v, n := binary.Uvarint(payload)
		if n <= 0 {
			return Token{}, ErrToken
		}
		fields[i], payload = v, payload[n:]
	}
	start := int64(fields[2])
	return Token{Epoch: fields[0], ID: fields[1], Range: Range{start, start + int64(fields[3])}, Attempt: int(fields[4]),
		Deadline: time.UnixMilli(int64(fields[5])), Worker: worker}, nil
}

func (s *Sealer) appendMAC(b []byte, worker string) []byte {
	s.mac.Reset()
	s.mac.Write(b)
	s.mac.Write([]byte(worker))
	payload := len(b)
	return s.mac.Sum(b)[:payload+macSize]
}
