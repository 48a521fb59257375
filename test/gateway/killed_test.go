package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/client"
	"teamtask.dev/test/cluster"
)

// process is `teamtask serve --kubernetes`.
type process struct {
	*site
	cmd *exec.Cmd
	log bytes.Buffer
	url string
}

// freeAddress is one that nobody listens at just now.
func (s *site) freeAddress() string {
	s.Helper()
	ports, err := cluster.FreePorts(1)
	s.must(err)
	return fmt.Sprintf("127.0.0.1:%d", ports[0])
}

// serve starts one at an address, and waits until it is ready.
func (s *site) serve(address string, args ...string) *process {
	s.Helper()
	kubeconfig, err := running.KubeconfigFor(gatewayUser)
	s.must(err)
	self, err := os.Executable()
	s.must(err)
	p := &process{site: s, url: "http://" + address}
	p.cmd = exec.Command(self, append([]string{"serve", "--kubernetes", "--listen", address, "--kubeconfig", kubeconfig, "--namespace", s.namespace, "--log-format", "text"}, args...)...)
	p.cmd.Env = append(os.Environ(), "TEAMTASK_TEST_COMMAND=1")
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(p.cmd.Start())
	s.Cleanup(func() {
		p.kill()
		s.Logf("%s", p.log.Bytes())
	})
	s.until("the gateway is ready", func() bool {
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
	return p
}

// kill ends it at once.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// A gateway that is lost takes nothing along: what it acknowledged counts, once, and the rest goes out again when its Blocks have
// run out. Its workers go on with the next one, whatever they had of the old one.
func TestKilled(t *testing.T) {
	s := newSite(t)
	address := s.freeAddress()
	first := s.serve(address)
	s.create("primes", 8_000_000, quickly)
	c := client.New("http://"+address, s.account("worker", "work"))
	defer c.Close()
	crew := &crew{T: t, list: "primes", batch: 4}
	crew.hold(c) // so that something is in hand when it is killed, however fast the others are
	wait := crew.start(32, c)
	s.until("much is done", func() bool { return crew.known().Sum() > 2_000_000 })
	first.kill()
	s.serve(address)
	wait()
	s.until("the list is over", func() bool { return s.list("primes").Status.Phase().Over() })
	crew.audit(s.list("primes"))
	if crew.again == 0 {
		t.Error("nothing went out again")
	}
}

// A gateway that is told to stop gives back what it has, and workers go on with the next one at once.
func TestStopped(t *testing.T) {
	s := newSite(t)
	address := s.freeAddress()
	first := s.serve(address)
	s.create("primes", 8_000_000, nil)
	c := client.New("http://"+address, s.account("worker", "work"))
	defer c.Close()
	crew := &crew{T: t, list: "primes", batch: 4}
	wait := crew.start(32, c)
	s.until("much is done", func() bool { return crew.known().Sum() > 2_000_000 })
	s.must(first.cmd.Process.Signal(syscall.SIGTERM))
	late := time.AfterFunc(patience, func() { first.cmd.Process.Kill() })
	if err := first.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	late.Stop()
	for _, b := range s.blocks() {
		if b.Status.Held() {
			t.Errorf("Block %s is still held", b.Name)
		}
	}
	s.serve(address)
	wait()
	s.until("the list is over", func() bool { return s.list("primes").Status.Phase().Over() })
	crew.audit(s.list("primes"))
}
