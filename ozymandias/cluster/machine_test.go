package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/state"
	"teamtask.dev/test/address"
)

// childOptions is set for a process that is to be a node, and nothing else: the test binary itself.
const childOptions = "OZYMANDIAS_CLUSTER_TEST_NODE"

func TestMain(m *testing.M) {
	if o := os.Getenv(childOptions); o != "" {
		if err := child(o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	flag.Set("test.parallel", "8") // they mostly wait for etcd
	os.Exit(m.Run())
}

// child runs a node until its standard input ends. It says on its standard output when it is one.
func child(encoded string) error {
	var o Options
	if err := json.Unmarshal([]byte(encoded), &o); err != nil {
		return err
	}
	o.Log = quiet
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { io.Copy(io.Discard, os.Stdin); stop() }() // whoever started it has ended
	c, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()
	server := serve(c)
	defer server.Close()
	fmt.Println("ready")
	err = c.Run(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// quiet logs what a user would see, to standard error, if the tests are to be talkative.
var quiet = func() *slog.Logger {
	if os.Getenv("OZYMANDIAS_CLUSTER_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}()

// serve serves the one request of the API that this package is about.
func serve(c *Cluster) *http.Server {
	server := &http.Server{Addr: c.node.API, TLSConfig: c.Server(), ErrorLog: silent}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request JoinRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.URL.Path != "/v1/join" || r.Method != http.MethodPost {
			http.Error(w, "not a request to join", http.StatusBadRequest)
			return
		}
		welcome, err := c.Admit(r.Context(), request)
		if err != nil {
			status := http.StatusInternalServerError
			for _, refused := range []error{ErrToken, ErrNameTaken, ErrAddressTaken, ErrInvalid, ErrNewer} {
				if errors.Is(err, refused) {
					status = http.StatusForbidden
				}
			}
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]any{"title": "Not admitted", "detail": err.Error()})
			return
		}
		json.NewEncoder(w).Encode(welcome)
	})
	go server.ListenAndServeTLS("", "")
	return server
}

// A machine is a node that runs in this process.
type machine struct {
	*Cluster
	t      *testing.T
	o      Options
	server *http.Server
	end    context.CancelFunc
	ended  chan struct{}
	err    error // what Run returned, once ended is closed
	once   *sync.Once
}

func options(t *testing.T, name string) Options {
	t.Helper()
	return Options{Name: name, Data: t.TempDir(), Address: address.Host(), Log: quiet.With("node", name)}
}

// joining are the options of a machine that joins the cluster of another.
func (m *machine) joining(name string) Options {
	m.t.Helper()
	token, err := m.Token(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	o := options(m.t, name)
	o.Join, o.Token = []string{m.node.API}, token
	return o
}

// start starts a node that has to come up.
func start(t *testing.T, o Options) *machine {
	t.Helper()
	m, err := tryStart(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tryStart(t *testing.T, o Options) (*machine, error) {
	c, err := Open(t.Context(), o)
	if err != nil {
		return nil, err
	}
	return run(t, o, c), nil
}

// run runs a node that is open.
func run(t *testing.T, o Options, c *Cluster) *machine {
	ctx, end := context.WithCancel(context.Background())
	m := &machine{Cluster: c, t: t, o: o, server: serve(c), end: end, ended: make(chan struct{}), once: new(sync.Once)}
	go func() {
		m.err = c.Run(ctx)
		close(m.ended)
	}()
	t.Cleanup(m.stop)
	return m
}

// stop ends the node in an orderly way.
func (m *machine) stop() {
	m.once.Do(func() {
		m.end()
		<-m.ended
		m.server.Close()
		m.Close()
	})
}

// A process is a node that runs in a process of its own, which can be killed.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when it says so
	ended  chan struct{}
	stderr []byte // once ended is closed
}

func spawn(t *testing.T, o Options) *process {
	t.Helper()
	o.Log = nil
	encoded, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(os.Args[0]), ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childOptions+"="+string(encoded))
	in, err := p.cmd.StdinPipe() // held open as long as this process lives
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errors, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		if line, _ := bufio.NewReader(out).ReadString('\n'); line == "ready\n" {
			close(p.ready)
		}
	})
	reading.Go(func() { p.stderr, _ = io.ReadAll(errors) })
	go func() {
		reading.Wait()
		p.cmd.Wait()
		in.Close()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// up waits until the node is one.
func (p *process) up(t *testing.T) {
	t.Helper()
	select {
	case <-p.ready:
	case <-p.ended:
		t.Fatalf("the node has ended: %s", p.stderr)
	}
}

// kill ends the process with no warning.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// eventually waits until something is so, and fails if it does not come to be.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for given := time.After(3 * time.Minute); !so(); {
		select {
		case <-every.C:
		case <-given:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// put writes to etcd. Several members may lose what is written while they elect a leader, which they do whenever one of them is busy for half a
// second; the client leaves it to its caller to write again.
func (m *machine) put(t *testing.T, key, value string) (answer *clientv3.PutResponse) {
	t.Helper()
	eventually(t, "etcd takes what is written", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var err error
		answer, err = m.Client().Put(ctx, key, value)
		return err == nil
	})
	return answer
}

// delete has a node be forgotten, as put writes.
func (m *machine) delete(t *testing.T, name string) {
	t.Helper()
	eventually(t, "node "+name+" is deleted", func() bool {
		err := m.Forget(t.Context(), name)
		return err == nil || errors.Is(err, state.ErrNoNode) // at an earlier try, whose answer was lost
	})
}

// seats counts etcd's members with and without a vote.
func (m *machine) members(t *testing.T) (voters, learners []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	list, err := m.client.MemberList(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range list.Members {
		if member.IsLearner {
			learners = append(learners, member.Name)
		} else {
			voters = append(voters, member.Name)
		}
	}
	return voters, learners
}

// silent is for servers whose clients are turned away.
var silent = slog.NewLogLogger(slog.DiscardHandler, 0)
