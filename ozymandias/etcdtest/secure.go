package etcdtest

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"

	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/program"
)

// StartSecure starts an etcd of one member on an address, which asks for certificates as that of a node does, and ends with the test.
// Programs reach it by the way that can be cut.
func StartSecure(t *testing.T, address netip.Addr) (*Etcd, program.Etcd) {
	t.Helper()
	files := certificates(t, address)
	info := transport.TLSInfo{CertFile: files.Certificate, KeyFile: files.Key, TrustedCAFile: files.CA, ClientCertAuth: true}
	client, err := info.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, "https", address.String(), func(c *embed.Config) { c.ClientTLSInfo = info }, client)
	files.Endpoints = []string{e.cuttable}
	return e, files
}

// certificates makes those of a node.
func certificates(t *testing.T, address netip.Addr) program.Etcd {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	authority, err := pki.NewAuthority(time.Now())
	check(err)
	key, err := pki.NewKey()
	check(err)
	own, err := authority.IssueNode(time.Now(), key.Public(), "n1", address)
	check(err)
	ca, _, err := authority.Encode()
	check(err)
	secret, err := pki.EncodeKey(key)
	check(err)
	dir := t.TempDir()
	files := program.Etcd{CA: filepath.Join(dir, "ca.crt"), Certificate: filepath.Join(dir, "node.crt"), Key: filepath.Join(dir, "node.key")}
	for file, content := range map[string][]byte{files.CA: ca, files.Certificate: own, files.Key: secret} {
		check(os.WriteFile(file, content, 0o600))
	}
	return files
}
