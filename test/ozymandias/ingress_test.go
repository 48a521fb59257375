package ozymandias

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What keeps a node's ingress from doing what a job asks of it is told by explain, until it is mended. Here another program has the port, a
// nameserver, and nobody asks an authority for certificates. It is all the same that the job's image is nowhere.
func TestIngressProblemsAreExplained(t *testing.T) {
	t.Parallel()
	site := newWorkSite(t)
	other := site.machine.Command(filepath.Join(bin, "coredns"), "-dns.port", "7799")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = other.Process.Kill(), other.Wait() })
	site.until("the nameserver listens", func() error {
		to, err := net.Dial("tcp", net.JoinHostPort(site.machine.Address.String(), "7799"))
		if err == nil {
			to.Close()
		}
		return err
	})
	const job = "name: door\ncontainers: {app: {image: localhost/nowhere, memory: 64Mi}}\ningress:\n"
	explained := func(ingress string, problems ...string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "door.yaml")
		if err := os.WriteFile(file, []byte(job+ingress), 0o600); err != nil {
			t.Fatal(err)
		}
		site.oz("apply", "-f", file)
		site.until("the problems are told", func() error {
			said, err := site.try("explain", "door")
			if err != nil {
				return err
			}
			if strings.Count(said, "The ingress of "+site.name+": ") != len(problems) {
				return fmt.Errorf("it says %s", said)
			}
			for _, p := range problems {
				if !strings.Contains(said, p) {
					return fmt.Errorf("it says %s", said)
				}
			}
			return nil
		})
	}
	explained("- {tcp: 7799, port: 80}\n- {host: a.example, port: 80, tls: {acme: true}}\n",
		"Connections cannot be let in on :7799: another program listens there", "no certificate for a.example: there is no ACME authority: start all nodes with --acme-email")
	explained("- {tcp: 7800, port: 80}\n- {host: a.example, port: 80}\n")
}
