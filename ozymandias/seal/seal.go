// Package seal hides what is in etcd, and in its backups, from whoever has these and not the cluster's key.
//
// The key serves several ends, each by a key of its own that is derived for that purpose (HKDF, RFC 5869): what is sealed for one is not opened for
// another.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// KeySize is the length of the cluster's key, in bytes.
const KeySize = 32

// A Box is what seals for one purpose.
type Box struct{ aead cipher.AEAD }

// New returns the box of a purpose, by the cluster's key.
func New(key []byte, purpose string) (*Box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the cluster's key has %d bytes; must be %d", len(key), KeySize)
	}
	own, err := hkdf.Key(sha256.New, key, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %s: %w", purpose, err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %s: %w", purpose, err)
	}
	// Nonces are random: good for 2^32 values by one key (NIST SP 800-38D, 8.3). They come first in what is sealed.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %s: %w", purpose, err)
	}
	return &Box{aead}, nil
}

// Seal seals a value. It is opened only together with what it is bound to, such as its name.
func (b *Box) Seal(value, bound []byte) []byte { return b.aead.Seal(nil, nil, value, bound) }

// Open returns the value. The error says no more than that what is sealed was changed, is of another key, or is bound to something else.
func (b *Box) Open(sealed, bound []byte) ([]byte, error) { return b.aead.Open(nil, nil, sealed, bound) }
