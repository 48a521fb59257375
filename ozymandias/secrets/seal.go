package secrets

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"teamtask.dev/ozymandias/seal"
)

// A sealer seals values by the cluster's key.
type sealer struct {
	id  string // of the key; tells nothing about it
	box *seal.Box
}

func newSealer(key []byte) (*sealer, error) {
	box, err := seal.New(key, "ozymandias secrets: AES-256-GCM")
	if err != nil {
		return nil, err
	}
	id, err := hkdf.Key(sha256.New, key, nil, "ozymandias secrets: id of the key", 8)
	if err != nil {
		return nil, fmt.Errorf("derive the id of the cluster's key: %w", err)
	}
	return &sealer{id: hex.EncodeToString(id), box: box}, nil
}

// bound is what the value of a secret is sealed together with. A name has no NUL.
func bound(name string, version int64) []byte {
	return []byte(name + "\x00" + strconv.FormatInt(version, 10))
}

func (s *sealer) seal(bound, value []byte) []byte { return s.box.Seal(value, bound) }

func (s *sealer) open(bound, sealed []byte) ([]byte, error) {
	value, err := s.box.Open(sealed, bound)
	if err != nil {
		return nil, errors.New("what is in etcd is not what was put, or was sealed by another key: put it again, and find out who else writes there")
	}
	return value, nil
}
