// Package vaulttest starts a real Vault for a test. Its server is a module of its own, built once into the user's cache, which takes some
// minutes. HashiCorp's licence (the Business Source License) lets everybody use it for tests; nothing of it is part of Ozymandias.
package vaulttest

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/program/programtest"
)

// Vault is one for a test.
type Vault struct {
	// Address is its URL, CA the authority that vouches for it.
	Address string
	CA      *x509.CertPool

	token string
	http  *http.Client
}

// Start starts an empty Vault, which ends with the test.
func Start(t *testing.T) *Vault {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	authority := NewAuthority(t)
	own := authority.Issue(t, "vault")
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	secret, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: own.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.Command(program, certificate, key)
	var said bytes.Buffer
	server.Stderr = &said
	input, err := server.StdinPipe() // ends with this process, however that ends
	if err != nil {
		t.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		if err := server.Wait(); err != nil {
			t.Errorf("vault ended: %v; it said:\n%s", err, &said)
		}
	})
	lines := bufio.NewReader(output)
	var told [2]string
	for i := range told {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("vault did not begin: %v", err)
		}
		told[i] = strings.TrimSpace(line)
	}
	v := &Vault{Address: told[0], token: told[1], CA: authority.Pool()}
	v.http = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: v.CA}}}
	t.Cleanup(v.http.CloseIdleConnections)
	return v
}

// Write writes to a path, by the root's right.
func (v *Vault) Write(t *testing.T, path string, body any) {
	t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	for {
		status, text := v.call(t, http.MethodPost, path, sent)
		if status < 300 {
			return
		}
		if !bytes.Contains(text, []byte("Upgrading from non-versioned to versioned data")) { // of a key-value engine just mounted
			t.Fatalf("write %s in vault: %d: %s", path, status, text)
		}
	}
}

// Tokens counts those that are valid and stored, the root's included.
func (v *Vault) Tokens(t *testing.T) int {
	t.Helper()
	status, text := v.call(t, "LIST", "auth/token/accessors", nil)
	var list struct{ Data struct{ Keys []string } }
	if err := json.Unmarshal(text, &list); err != nil || status != http.StatusOK {
		t.Fatalf("list vault's tokens: %d: %s", status, text)
	}
	return len(list.Data.Keys)
}

func (v *Vault) call(t *testing.T, method, path string, body []byte) (status int, text []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, v.Address+(&url.URL{Path: "/v1/" + path}).EscapedPath(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", v.token)
	answer, err := v.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

// build builds the server unless it is there, and returns where it is.
func build() (program string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("build vault: %w", err)
		}
	}()
	_, self, _, _ := runtime.Caller(0)
	module := filepath.Join(filepath.Dir(self), "server")
	sum := sha256.New()
	for _, name := range []string{"go.mod", "main.go"} {
		content, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		sum.Write(content)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "teamtask", fmt.Sprintf("vault-%.6x", sum.Sum(nil)))
	return filepath.Join(dir, "vault"), programtest.Once(dir, func(half string) error {
		compile := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(half, "vault"), ".")
		compile.Dir, compile.Env = module, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
		if out, err := compile.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// Authority issues certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes one.
func NewAuthority(t *testing.T) *Authority {
	t.Helper()
	a := &Authority{}
	a.certificate = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.certificate, a.key = a.sign(t, a.certificate)
	return a
}

// sign has the authority, or itself if it has nothing yet, sign a certificate for a new key.
func (a *Authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing := a.key
	if signing == nil {
		signing = key
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), signing)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// Issue issues a certificate for a server on the loopback and for a client of that name.
func (a *Authority) Issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	certificate, key := a.sign(t, &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}})
	return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
}

// Pool is the authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// PEM is the authority's certificate.
func (a *Authority) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}
