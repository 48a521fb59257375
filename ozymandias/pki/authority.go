package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"

	"teamtask.dev/ozymandias/job"
)

// How long certificates last. The authority's own is not renewed: that would take a second one, trusted beside the first for a while.
const (
	authorityLife = 10 * 365 * 24 * time.Hour
	nodeLife      = 365 * 24 * time.Hour
)

// A clock may be this much behind that of the machine that issued a certificate.
const skew = time.Hour

// NodeHost is a host name in each node's certificate, and in no other. etcd is told to let nobody in without it.
const NodeHost = "node." + job.Domain

// What a certificate's organisation says of its holder.
const (
	nodes  = "ozymandias:nodes"
	admins = "ozymandias:admins"
)

// An Authority issues the certificates of one cluster.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority for a new cluster.
func NewAuthority(now time.Time) (*Authority, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "ozymandias"},
		NotBefore: now.Add(-skew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	return &Authority{certificate, key}, nil
}

// ParseAuthority reads what Encode has written.
func ParseAuthority(certificate, key []byte) (*Authority, error) {
	c, err := ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("the authority: %w", err)
	}
	k, err := ParseKey(key)
	if err != nil {
		return nil, fmt.Errorf("the authority: %w", err)
	}
	if !k.PublicKey.Equal(c.PublicKey) {
		return nil, errors.New("the authority: the key is not the certificate's")
	}
	return &Authority{c, k}, nil
}

// Encode writes the certificate and the key as PEM.
func (a *Authority) Encode() (certificate, key []byte, err error) {
	key, err = EncodeKey(a.key)
	return encode(a.Certificate.Raw), key, err
}

// Hash names the authority: the SHA-256 of its certificate.
func (a *Authority) Hash() [sha256.Size]byte { return sha256.Sum256(a.Certificate.Raw) }

// Pool trusts the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// IssueNode issues a node's certificate, for its name and address, and for those by which its own processes reach it. It is PEM.
func (a *Authority) IssueNode(now time.Time, public crypto.PublicKey, name string, address netip.Addr) ([]byte, error) {
	return a.issue(public, &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{nodes}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(nodeLife),
		DNSNames:    []string{name, "localhost", NodeHost},
		IPAddresses: []net.IP{address.AsSlice(), net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

// IssueAdmin makes a key, and issues a certificate with which a person, or a program of theirs, uses the API from elsewhere. Both are
// PEM. The API believes it as long as there is a record of it.
func (a *Authority) IssueAdmin(now time.Time, name string, life time.Duration) (certificate, key []byte, err error) {
	if name == "" || life <= 0 {
		return nil, nil, fmt.Errorf("a certificate for %q that lasts %v: it needs a name and a time", name, life)
	}
	k, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	certificate, err = a.issue(k.Public(), &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{admins}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(life),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, nil, err
	}
	key, err = EncodeKey(k)
	return certificate, key, err
}

func (a *Authority) issue(public crypto.PublicKey, template *x509.Certificate) ([]byte, error) {
	template.SerialNumber = serial()
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	if template.NotAfter.After(a.Certificate.NotAfter) {
		template.NotAfter = a.Certificate.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate for %s: %w", template.Subject.CommonName, err)
	}
	return encode(der), nil
}

// Due reports whether a certificate is to be renewed: when a third of its time is left, so that a machine may be off for months before
// it misses that; or when it is not good yet, as it was issued while the machine's clock was ahead.
func Due(certificate *x509.Certificate, now time.Time) bool {
	return now.Before(certificate.NotBefore) || certificate.NotAfter.Sub(now) < certificate.NotAfter.Sub(certificate.NotBefore)/3
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	return new(big.Int).SetBytes(b)
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// ParseCertificate reads a certificate as PEM.
func ParseCertificate(b []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("there is no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// NewKey makes a private key.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// EncodeKey writes a private key as PEM.
func EncodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseKey reads what EncodeKey has written.
func ParseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("there is no private key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a key of type %T, want ECDSA", key)
	}
	return ec, nil
}
