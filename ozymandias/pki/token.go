package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrOtherAuthority says that whoever answered is not of the cluster whose token one has.
var ErrOtherAuthority = errors.New("it is not a node of the token's cluster")

// A Token lets a machine join.
type Token struct {
	Authority [sha256.Size]byte // Authority.Hash
	Secret    string
}

// tokenPrefix tells a token from other words, and says which kind it is.
const tokenPrefix = "oz1"

// NewSecret makes a token's secret, of 130 bits.
func NewSecret() string { return strings.ToLower(rand.Text()) }

// String is oz1.HASH.SECRET.
func (t Token) String() string {
	return tokenPrefix + "." + hex.EncodeToString(t.Authority[:]) + "." + t.Secret
}

// ParseToken reads a token. The error does not repeat it, as it is a secret.
func ParseToken(s string) (Token, error) {
	var t Token
	parts := strings.Split(strings.TrimSpace(s), ".")
	if len(parts) != 3 || parts[0] != tokenPrefix || parts[2] == "" {
		return t, errors.New("not a token: it has the form oz1.HASH.SECRET, as `ozymandias token join` prints it on a node of the cluster")
	}
	hash, err := hex.DecodeString(parts[1])
	if err != nil || len(hash) != len(t.Authority) {
		return t, fmt.Errorf("not a token: its second part is not a hash of %d hexadecimal digits; was it copied whole?", 2*len(t.Authority))
	}
	t.Authority, t.Secret = [sha256.Size]byte(hash), parts[2]
	return t, nil
}

// Matches compares a secret with the token's, in a time that says nothing of either.
func (t Token) Matches(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(t.Secret), []byte(secret)) == 1
}

// TLS is how to connect to a node of the token's cluster, before anything else is known of it. The connection fails with ErrOtherAuthority
// if it is not one. Under which address the node is reached does not matter: that it is a node does.
func (t Token) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection does it, as the authority has to be found among what is shown
		VerifyConnection: func(state tls.ConnectionState) error {
			for _, shown := range state.PeerCertificates[min(1, len(state.PeerCertificates)):] {
				if sha256.Sum256(shown.Raw) != t.Authority {
					continue
				}
				roots := x509.NewCertPool()
				roots.AddCert(shown)
				_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: NodeHost, Roots: roots})
				return err
			}
			return ErrOtherAuthority
		},
	}
}
