package v1alpha1

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// ComputeDigest is the digest of what the certificate says: sha256 over its compact JSON without digest, key and signature.
func (c Certificate) ComputeDigest() (string, error) {
	c.Digest, c.PublicKey, c.Signature = "", "", ""
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("digest certificate: %w", err)
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// Verify checks that the certificate says what was signed, by the holder of the public key it names, and that its ranges
// are ordered, disjoint and within the list. Whether the key is the right one is for the caller to know.
func (c Certificate) Verify() error {
	digest, err := c.ComputeDigest()
	if err != nil {
		return err
	}
	if digest != c.Digest {
		return errors.New("certificate: its content is not what the digest says: it was changed")
	}
	key, err1 := base64.StdEncoding.DecodeString(c.PublicKey)
	sig, err2 := base64.StdEncoding.DecodeString(c.Signature)
	if err1 != nil || err2 != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, []byte(digest), sig) {
		return errors.New("certificate: the signature is not that of the key it names")
	}
	failed := make([]Range, len(c.Failed))
	for i, f := range c.Failed {
		failed[i] = f.Range
	}
	for _, part := range []struct {
		name   string
		ranges []Range
	}{{"done", c.Done}, {"failed", failed}} {
		var at int64
		for _, r := range part.ranges {
			if r.Index < at || r.Size < 1 || r.Size > c.Size-r.Index {
				return fmt.Errorf("certificate: the %s range of %d items at %d is out of order or outside the list", part.name, r.Size, r.Index)
			}
			at = r.Index + r.Size
		}
	}
	return nil
}

// Missing is how many items the certificate does not account for.
func (c Certificate) Missing() int64 {
	left := c.Size
	for _, r := range c.Done {
		left -= r.Size
	}
	for _, r := range c.Failed {
		left -= r.Size
	}
	return left
}
