package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// KeySize is the length of the cluster's key, in bytes.
const KeySize = 32

// A sealer seals values by the cluster's key.
type sealer struct {
	id   string // of the key; tells nothing about it
	aead cipher.AEAD
}

// newSealer derives from the cluster's key, which may serve other ends too, what is used here (HKDF, RFC 5869).
func newSealer(key []byte) (*sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the cluster's key has %d bytes; must be %d", len(key), KeySize)
	}
	id, err := hkdf.Key(sha256.New, key, nil, "ozymandias secrets: id of the key", 8)
	if err != nil {
		return nil, fmt.Errorf("derive the id of the cluster's key: %w", err)
	}
	own, err := hkdf.Key(sha256.New, key, nil, "ozymandias secrets: AES-256-GCM", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key for secrets: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("derive the key for secrets: %w", err)
	}
	// Nonces are random: good for 2^32 values by one key (NIST SP 800-38D, 8.3).
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("derive the key for secrets: %w", err)
	}
	return &sealer{id: hex.EncodeToString(id), aead: aead}, nil
}

// bound is what the value of a secret is sealed together with. A name has no NUL.
func bound(name string, version int64) []byte {
	return []byte(name + "\x00" + strconv.FormatInt(version, 10))
}

func (s *sealer) seal(bound, value []byte) []byte { return s.aead.Seal(nil, nil, value, bound) }

func (s *sealer) open(bound, sealed []byte) ([]byte, error) {
	value, err := s.aead.Open(nil, nil, sealed, bound)
	if err != nil {
		return nil, errors.New("what is in etcd is not what was put, or was sealed by another key: put it again, and find out who else writes there")
	}
	return value, nil
}
