// Package vaulttest starts a real Vault for a test. Its server is a module of its own, built once into the user's cache, which takes some
// minutes. HashiCorp's licence (the Business Source License) lets everybody use it for tests; nothing of it is part of Ozymandias.
package vaulttest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/pki"
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
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	own, secret := Issue(t, authority, "vault")
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, text := range map[string][]byte{certificate: own, key: secret} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
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

// Issue makes a key and issues a node's certificate, which is good for a server on the loopback, too. They are PEM.
func Issue(t *testing.T, authority *pki.Authority, name string) (certificate, key []byte) {
	t.Helper()
	k, err := pki.NewKey()
	if err == nil {
		key, err = pki.EncodeKey(k)
	}
	if err == nil {
		certificate, err = authority.IssueNode(time.Now(), k.Public(), name, netip.IPv6Loopback())
	}
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}
