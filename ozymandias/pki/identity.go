package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// A Role is what the holder of a certificate is to the cluster.
type Role int

// The roles.
const (
	Nobody Role = iota
	Admin
	Node
)

// Who is at the other end of a connection, by the certificate [Shown] there: for a connection without one it is Nobody.
func Who(state *tls.ConnectionState) (name string, role Role) {
	certificate := Shown(state)
	if certificate == nil {
		return "", Nobody
	}
	switch subject := certificate.Subject; {
	case slices.Equal(subject.Organization, []string{nodes}):
		return subject.CommonName, Node
	case slices.Equal(subject.Organization, []string{admins}):
		return subject.CommonName, Admin
	}
	return "", Nobody
}

// Shown is the certificate that was shown at the other end of a connection, and was verified with the cluster's authority; nil: none was. The
// records of the cluster say whether it is still to be believed.
func Shown(state *tls.ConnectionState) *x509.Certificate {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil
	}
	return state.VerifiedChains[0][0]
}

// Holder is the [ID] of who has a certificate's key. It is "" for a key of a kind that no node has.
func Holder(certificate *x509.Certificate) string {
	public, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return ""
	}
	return ID(public)
}

// Serial is a certificate's serial number, in hexadecimal digits.
func Serial(certificate *x509.Certificate) string {
	return fmt.Sprintf("%032x", certificate.SerialNumber)
}

// An Identity is a node's own certificate, which is renewed as it goes: connections made later show the new one.
type Identity struct {
	authority *Authority
	key       *ecdsa.PrivateKey
	now       atomic.Pointer[tls.Certificate]
}

// NewIdentity returns a node's identity. The certificate is PEM.
func NewIdentity(authority *Authority, key *ecdsa.PrivateKey, certificate []byte) (*Identity, error) {
	i := &Identity{authority: authority, key: key}
	return i, i.Renew(certificate)
}

// Renew has the certificate shown from now on.
func (i *Identity) Renew(certificate []byte) error {
	c, err := ParseCertificate(certificate)
	if err != nil {
		return err
	}
	if !i.key.PublicKey.Equal(c.PublicKey) {
		return errors.New("the certificate is for another key")
	}
	if err := c.CheckSignatureFrom(i.authority.Certificate); err != nil {
		return err
	}
	// With the authority's certificate, in which whoever joins finds the hash of its token.
	i.now.Store(&tls.Certificate{Certificate: [][]byte{c.Raw, i.authority.Certificate.Raw}, PrivateKey: i.key, Leaf: c})
	return nil
}

// Certificate is the node's, as it is now.
func (i *Identity) Certificate() *x509.Certificate { return i.now.Load().Leaf }

// Public is the node's key.
func (i *Identity) Public() *ecdsa.PublicKey { return &i.key.PublicKey }

// Server is for what the node serves. Clients need not show a certificate: [Who] says what they have shown.
func (i *Identity) Server() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.now.Load(), nil },
		ClientAuth:     tls.VerifyClientCertIfGiven,
		ClientCAs:      i.authority.Pool(),
	}
}

// Client is for connecting to other nodes.
func (i *Identity) Client() *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return i.now.Load(), nil },
		RootCAs:              i.authority.Pool(),
	}
}
