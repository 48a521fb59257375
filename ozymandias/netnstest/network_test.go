package netnstest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/netnstest"
)

// role makes the test's program another one: "serve" answers HTTP with the address that asks.
const role = "NETNSTEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "serve":
		listener, err := net.Listen("tcp", ":7000")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("serving")
		panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.RemoteAddr)
		})))
	}
	os.Exit(m.Run())
}

// serve has a machine answer, until the test ends.
func serve(t *testing.T, m *netnstest.Machine) {
	t.Helper()
	c := m.Command(os.Args[0])
	c.Env = append(os.Environ(), role+"=serve")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "serving\n" {
		t.Fatalf("%s says %q, %v", m.Name, line, err)
	}
}

// pings tells whether a machine gets an answer from another: both ways have to be open.
func pings(from, to *netnstest.Machine, patience string) bool {
	return from.Command("curl", "--silent", "--max-time", patience, "http://"+to.Address.String()+":7000").Run() == nil
}

func TestNetwork(t *testing.T) {
	n := netnstest.New(t, 3)
	a, b, c := n.Machines[0], n.Machines[1], n.Machines[2]
	for _, m := range n.Machines {
		serve(t, m)
		answer, err := (&http.Client{Timeout: time.Minute}).Get("http://" + m.Address.String() + ":7000")
		if err != nil {
			t.Fatalf("from outside: %v", err)
		}
		answer.Body.Close()
	}
	out, err := a.Command("curl", "--silent", "http://"+b.Address.String()+":7000").Output()
	if err != nil || !strings.HasPrefix(string(out), a.Address.String()+":") {
		t.Errorf("%s asks %s from address %s, %v", a.Address, b.Address, out, err)
	}
	for _, cut := range []netnstest.Cut{netnstest.In, netnstest.Both, netnstest.Out} {
		if err := a.Lose(cut); err != nil {
			t.Fatal(err)
		}
		if pings(a, b, "1") {
			t.Errorf("%s is cut off (%d) and reaches others", a.Name, cut)
		}
		for began := time.Now(); ; {
			if pings(b, a, "2") {
				t.Errorf("%s is cut off (%d) and reached", a.Name, cut)
			}
			// Who hears a call that it cannot answer remembers it for a while.
			out, err := a.Command("ss", "--tcp", "--no-header", "state", "syn-recv").Output()
			if err != nil {
				t.Fatal(err)
			}
			heard, hears := len(out) > 0, cut == netnstest.Out
			if hears && !heard && time.Since(began) < time.Minute {
				continue // on a busy machine two seconds may pass before there is a call
			}
			if heard != hears {
				t.Errorf("%s is cut off (%d) and has heard a call: %t", a.Name, cut, heard)
			}
			break
		}
		if !pings(b, c, "60") {
			t.Error("others are cut off")
		}
		if err := a.Lose(netnstest.Nothing); err != nil {
			t.Fatal(err)
		}
		if !pings(a, b, "60") || !pings(b, a, "60") {
			t.Errorf("%s is still cut off (%d)", a.Name, cut)
		}
	}
}

// What is left running is told and ended, and nothing stays behind.
func TestClose(t *testing.T) {
	n, err := netnstest.Setup(1)
	if err != nil {
		t.Fatal(err)
	}
	m := n.Machines[0]
	left := m.Command("sleep", "1000")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	there := func() string {
		out, err := exec.Command("ip", "netns", "list").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	for began := time.Now(); ; {
		pids, err := m.Processes()
		if err != nil {
			t.Fatal(err)
		}
		if len(pids) > 0 {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("nothing runs on the machine")
		}
	}
	if !strings.Contains(there(), m.Namespace) {
		t.Errorf("there is no namespace %s", m.Namespace)
	}
	if err := n.Close(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d still runs", left.Process.Pid)) {
		t.Errorf("Close() = %v", err)
	}
	if err := left.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("what was left running ended with %v", err)
	}
	if strings.Contains(there(), strings.TrimSuffix(m.Namespace, "-n1")) {
		t.Error("a namespace is left")
	}
	if err := n.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
