package health_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/health"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// patience is how long anything may take on a slow and busy machine.
const patience = 3 * time.Minute

// first watches until the first verdict. One failure is enough, and the interval is short, as time is the machine's here. That it was held up
// itself is no verdict that anybody wants: it watches once more then.
func first(t *testing.T, check job.Healthcheck, target health.Target) (found health.Verdict) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check.Interval, check.HealthyThreshold, check.UnhealthyThreshold = seconds(0.01), 1, 1
	if check.Timeout == 0 {
		check.Timeout = job.Duration(patience)
	}
	for {
		watch, end := context.WithCancel(ctx)
		given := false
		health.Watch(watch, check, target, func(v health.Verdict) { found, given = v, true; end() })
		end()
		switch {
		case !given:
			t.Fatal("there is no verdict")
		case found.Message != "the node was held up during the check":
			return found
		}
	}
}

// at takes an address apart.
func at(t *testing.T, address net.Addr) (health.Target, int) {
	t.Helper()
	parsed, err := netip.ParseAddrPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	return health.Target{Address: parsed.Addr()}, int(parsed.Port())
}

// nobody is an address where nothing listens until the test ends: the socket that has it is not told to, and nobody else can have it.
func nobody(t *testing.T) (socket int, address net.Addr) {
	t.Helper()
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(socket) })
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return socket, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1).To4(), Port: name.(*unix.SockaddrInet4).Port}
}

func TestHTTP(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	stuck := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil || r.Method != http.MethodGet || r.UserAgent() != "ozymandias-health" {
			t.Errorf("asked %s %s by %s", r.Method, r.URL, r.UserAgent())
		}
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(code)
		fmt.Fprintln(w, "body")
	})
	mux.HandleFunc("/query", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "full=1&what=a%20b" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/stuck", func(http.ResponseWriter, *http.Request) { <-stuck })
	mux.HandleFunc("/hangs-up", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(stuck)
	target, port := at(t, server.Listener.Addr())
	for _, c := range []struct {
		path    string
		timeout float64
		want    string // with @ for the one that is asked
	}{
		{"/status/200", 0, ""},
		{"/status/204", 0, ""},
		{"/status/301", 0, ""},
		{"/status/399", 0, ""},
		{"/status/400", 0, "GET @ answered 400 Bad Request"},
		{"/status/404", 0, "GET @ answered 404 Not Found"},
		{"/status/503", 0, "GET @ answered 503 Service Unavailable"},
		{"/query?full=1&what=a%20b", 0, ""},
		{"/endless", 0, ""},
		{"/stuck", 0.1, "GET @: no answer within 100ms"},
		{"/hangs-up", 0, "GET @: EOF"},
		{"/%zz", 0, `parse "@": invalid URL escape "%zz"`},
	} {
		t.Run(strings.Trim(c.path, "/"), func(t *testing.T) {
			got := first(t, job.Healthcheck{Type: job.HTTP, Port: port, Path: c.path, Timeout: seconds(c.timeout)}, target)
			want := strings.ReplaceAll(c.want, "@", server.URL+c.path)
			if got != (health.Verdict{Healthy: want == "", Message: want}) {
				t.Errorf("the verdict is %+v, want %q", got, want)
			}
		})
	}
}

// A server that speaks something else, and none at all.
func TestNoHTTP(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			fmt.Fprint(c, "500 what is GET?\r\n")
			c.Close()
		}
	}()
	target, port := at(t, other.Addr())
	got := first(t, job.Healthcheck{Type: job.HTTP, Port: port, Path: "/"}, target)
	if got.Healthy || !strings.HasPrefix(got.Message, fmt.Sprintf("GET http://%s/: ", other.Addr())) {
		t.Errorf("of something else the verdict is %+v", got)
	}
	_, free := nobody(t)
	target, port = at(t, free)
	got = first(t, job.Healthcheck{Type: job.HTTP, Port: port, Path: "/"}, target)
	if want := fmt.Sprintf("nothing listens on 127.0.0.1:%d", port); got.Healthy || got.Message != want {
		t.Errorf("the verdict is %+v, want %q", got, want)
	}
}

// Checks leave no connections open, nor do they share one.
func TestConnections(t *testing.T) {
	var opened, closed atomic.Int32
	allClosed := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	const checks = 5
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			if closed.Add(1) == checks {
				close(allClosed)
			}
		}
	}
	server.Start()
	target, port := at(t, server.Listener.Addr())
	for range checks {
		first(t, job.Healthcheck{Type: job.HTTP, Port: port, Path: "/"}, target)
	}
	select {
	case <-allClosed:
	case <-time.After(patience):
		t.Errorf("of %d connections %d are closed", opened.Load(), closed.Load())
	}
	if n := opened.Load(); n != checks {
		t.Errorf("%d checks made %d connections", checks, n)
	}
	server.Close()
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	target, port := at(t, l.Addr())
	if got := first(t, job.Healthcheck{Type: job.TCP, Port: port}, target); !got.Healthy || got.Message != "" {
		t.Errorf("the verdict is %+v", got)
	}
	_, free := nobody(t)
	target, port = at(t, free)
	got := first(t, job.Healthcheck{Type: job.TCP, Port: port}, target)
	if want := fmt.Sprintf("nothing listens on 127.0.0.1:%d", port); got.Healthy || got.Message != want {
		t.Errorf("the verdict is %+v, want %q", got, want)
	}
}

// A server that is too busy to take connections gives no answer.
func TestTCPTimeout(t *testing.T) {
	socket, address := nobody(t)
	if err := unix.Listen(socket, 0); err != nil {
		t.Fatal(err)
	}
	// Its queue has room for one, which nobody takes out.
	waiting, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	// Who connects knows of the connection before the queue does.
	for queue := []unix.PollFd{{Fd: int32(socket), Events: unix.POLLIN}}; ; {
		if _, err := unix.Poll(queue, -1); err == nil {
			break
		} else if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
	target, port := at(t, address)
	got := first(t, job.Healthcheck{Type: job.TCP, Port: port, Timeout: seconds(0.1)}, target)
	if want := fmt.Sprintf("connect to %s: no answer within 100ms", address); got.Healthy || got.Message != want {
		t.Errorf("the verdict is %+v, want %q", got, want)
	}
}

// Commands run in real containers.
func TestExec(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	machine := podmantest.New(t)
	pod := podman.Pod{Name: "app", CgroupParent: machine.Cgroup, Network: machine.Network.Name}
	if err := machine.Client.CreatePod(ctx, pod); err != nil {
		t.Fatal(err)
	}
	spec := job.Container{Image: podmantest.Image, Command: job.Words{"serve", "3000", "stay"}}
	if err := machine.Client.CreateContainer(ctx, podman.Container{Name: "app-1", Pod: pod.Name, Spec: spec}); err != nil {
		t.Fatal(err)
	}
	if err := machine.Client.Start(ctx, "app-1"); err != nil {
		t.Fatal(err)
	}
	target := health.Target{Exec: func(ctx context.Context, command []string) (int, string, error) {
		var said bytes.Buffer
		code, err := machine.Client.Exec(ctx, "app-1", podman.Exec{Command: command, Stdout: &said, Stderr: &said})
		return code, said.String(), err
	}}
	for _, c := range []struct {
		command string
		timeout float64
		want    string
	}{
		{"/guest print fine", 0, ""},
		{"/guest print one print two exit 3", 0, "/guest print one print two exit 3: ended with 3: two"},
		{"/guest deaf stay", 0.5, "/guest deaf stay: has not ended within 500ms"},
	} {
		check := job.Healthcheck{Type: job.Exec, Command: strings.Fields(c.command), Timeout: seconds(c.timeout)}
		if got := first(t, check, target); got != (health.Verdict{Healthy: c.want == "", Message: c.want}) {
			t.Errorf("%s: the verdict is %+v, want %q", c.command, got, c.want)
		}
	}
	if got := first(t, job.Healthcheck{Type: job.Exec, Command: job.Words{"/nothing"}}, target); got.Healthy || !strings.HasPrefix(got.Message, "/nothing: ") {
		t.Errorf("of a program that is not there the verdict is %+v", got)
	}
}

// watched makes the test's program one that watches a server, and prints verdicts.
const watched = "HEALTH_TEST_WATCHED"

func TestMain(m *testing.M) {
	if address := os.Getenv(watched); address != "" {
		server := netip.MustParseAddrPort(address)
		check := job.Healthcheck{Type: job.HTTP, Port: int(server.Port()), Path: "/",
			Interval: seconds(0.01), Timeout: seconds(3), HealthyThreshold: 1, UnhealthyThreshold: 1}
		health.Watch(context.Background(), check, health.Target{Address: server.Addr()}, func(v health.Verdict) { fmt.Printf("%+v\n", v) })
	}
	os.Exit(m.Run())
}

// A node that was stopped during a check does not blame the container when it goes on.
func TestNodeHeldUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, os.Args[0])
	var requests atomic.Int32
	var once sync.Once
	started := make(chan struct{})
	after := make(chan struct{}) // closed when there was a check after the one in which the node was stopped
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		switch n := requests.Add(1); {
		case n == 2:
			<-started
			if err := node.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Error(err)
			}
			<-time.After(5 * time.Second) // longer than the timeout and the slack: what matters is the node's clock
			if err := node.Process.Signal(syscall.SIGCONT); err != nil {
				t.Error(err)
			}
			// The answer comes when the node has given the check up.
			<-time.After(100 * time.Millisecond)
		case n > 3:
			once.Do(func() { close(after) })
		}
	}))
	defer server.Close()
	node.Env = append(os.Environ(), watched+"="+server.Listener.Addr().String())
	said, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	defer func() { _ = node.Wait() }()
	defer func() { _ = node.Process.Kill() }()
	lines := bufio.NewScanner(said)
	if !lines.Scan() || lines.Text() != "{Healthy:true Message:}" {
		t.Fatalf("told %q", lines.Text())
	}
	select {
	case <-after:
	case <-ctx.Done():
		t.Fatal("the node makes no more checks")
	}
	_ = node.Process.Kill()
	for lines.Scan() {
		t.Errorf("told %q", lines.Text())
	}
}
