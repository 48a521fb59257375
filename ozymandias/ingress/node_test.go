package ingress_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
)

// nodeVariable has what another node is to be: the test's program is run again with it.
//
// It has to be a process of its own, as certmagic knows the challenges of its own process without any storage.
const nodeVariable = "OZYMANDIAS_TEST_INGRESS"

type nodeSettings struct {
	HTTP, HTTPS, Etcd, Directory string
	Roots                        []byte
}

// runNode is another node's process. It goes by the tables that it reads, until there are no more.
func runNode() {
	var settings nodeSettings
	if err := json.Unmarshal([]byte(os.Getenv(nodeVariable)), &settings); err != nil {
		panic(err)
	}
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{settings.Etcd}})
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(settings.Roots)
	s := ingress.New(ingress.Options{HTTP: settings.HTTP, HTTPS: settings.HTTPS, TCP: "127.0.0.1",
		ACME: &ingress.ACME{Directory: settings.Directory, Roots: roots, Etcd: etcd, Encrypt: flip, Decrypt: flip}})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		tables := json.NewDecoder(os.Stdin)
		for {
			var table routes.Table
			if tables.Decode(&table) != nil {
				return
			}
			s.SetTable(table)
		}
	}()
	s.Run(ctx)
}

// A process is another node.
type process struct {
	node
	tables *json.Encoder
}

// other runs another node until the test ends.
func other(t *testing.T, settings nodeSettings) *process {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	read, write := io.Pipe()
	command := exec.Command(own)
	command.Env = append(os.Environ(), nodeVariable+"="+string(text))
	var said bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = read, &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		write.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("the other node ended with %v:\n%s", err, said.String())
		}
	})
	p := &process{node{http: settings.HTTP, https: settings.HTTPS}, json.NewEncoder(write)}
	eventually(t, "the other node listens", func() bool { return listens(p.http) && listens(p.https) })
	return p
}

// flip is an encryption that a test can undo by eye.
func flip(b []byte) ([]byte, error) {
	b = bytes.Clone(b)
	for i := range b {
		b[i] ^= 0x55
	}
	return b, nil
}
