package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A server shows the certificate that is in its files, also when that is renewed while it runs; while the files do not go together it
// goes on with the one before.
func TestKeyPairIsRenewed(t *testing.T) {
	dir, written := t.TempDir(), time.Now().Add(-time.Hour)
	certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write := func(name, kind string, der []byte) {
		t.Helper()
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		written = written.Add(time.Second) // a clock may be too coarse to tell one write from the next
		if err := os.Chtimes(name, written, written); err != nil {
			t.Fatal(err)
		}
	}
	// renewed makes a pair and writes its certificate. It returns what writes the key.
	renewed := func(serial int64) (andKey func()) {
		t.Helper()
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
		public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		write(certificate, "CERTIFICATE", public)
		return func() { write(key, "PRIVATE KEY", secret) }
	}
	if _, err := openKeyPair(certificate, key, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("there are no files, and that is no error")
	}
	renewed(1)()
	pair, err := openKeyPair(certificate, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shows := func(serial int64) {
		t.Helper()
		for range 2 {
			c, err := pair.get(nil)
			if err != nil || c == nil || c.Leaf.SerialNumber.Int64() != serial {
				t.Fatalf("%+v, %v; want the certificate %d", c, err, serial)
			}
		}
	}
	shows(1)
	andKey := renewed(2)
	shows(1)
	andKey()
	shows(2)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	shows(2)
}
