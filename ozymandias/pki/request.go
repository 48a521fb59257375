package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
)

// Request asks for a certificate for a key, and proves that whoever asks holds it. What the certificate says, the issuer decides.
func Request(key *ecdsa.PrivateKey, name string) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, fmt.Errorf("ask for a certificate: %w", err)
	}
	return der, nil
}

// ParseRequest reads a request, and checks the proof.
func ParseRequest(der []byte) (*ecdsa.PublicKey, error) {
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, err
	}
	if err := request.CheckSignature(); err != nil {
		return nil, err
	}
	public, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("the key is not an ECDSA key")
	}
	return public, nil
}

// ID names the holder of a key. A machine keeps its key for as long as it is in the cluster, so this is the machine's identity, and
// nobody else can have it.
func ID(public *ecdsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "" // there is no such key on a curve that ParseRequest and NewKey know
	}
	hash := sha256.Sum256(der)
	return hex.EncodeToString(hash[:8])
}
