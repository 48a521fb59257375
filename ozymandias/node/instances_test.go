package node_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/volumes"
)

// Jobs of all kinds on one node at the same time, each with a story of its own.
func TestInstances(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4 // so that a slow machine is in time
	vault, asked := slowVault(t)
	cluster, err := secrets.Open(w.etcd.Direct, bytes.Repeat([]byte{7}, 32), vault)
	if err != nil {
		t.Fatal(err)
	}
	disks, err := volumes.Open(t.Context(), volumes.Options{Dir: filepath.Join(h.Dir, "volumes")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disks.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	h.more = func(o *node.Options) {
		o.Taken, o.KeepVolumes = []uint16{80}, time.Hour
		o.Secrets, o.Volumes, o.Names = cluster, disks, names.NewPublisher(o.Etcd, o.Log)
	}
	h.begin()
	for began := time.Now(); h.node.Podman().Ping(t.Context()) != nil; time.Sleep(100 * time.Millisecond) { // some stories begin with what podman has
		if time.Since(began) > patience {
			t.Fatal("the node's podman does not answer")
		}
	}
	for name, tell := range map[string]func(story){
		"crash-loop": crashes, "escapes": func(s story) { escapes(s, cluster) }, "binary": func(s story) { isNoText(s, cluster) }, "vault": func(s story) { asksVault(s, asked) }, "late": comesLate,
		"never": ends, "fails": fails, "memory": eats, "image": pulls, "port": binds, "depends": depends, "unhealthy": sickens,
		"logs": leavesLogs, "half": func(s story) { halts(s, cluster) }, "ingress": yields, "environment": looksAround, "secrets": func(s story) { reads(s, cluster) }, "volumes": func(s story) { writes(s, disks) }, "names": hasName,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := *h
			world := *w
			world.T, in.world = t, &world
			tell(story{&in, name})
		})
	}
}

// A story is of a job that has its name.
type story struct {
	*host
	name string
}

// put has the job run that, in a container called main.
func (s story) put(command string, change ...func(*job.Container)) {
	s.Helper()
	j := web(command, change...)
	j.Name = s.name
	s.host.put(j)
}

// until waits for the job's first instance to be as wanted.
func (s story) until(what string, is func(schedule.Condition) bool) schedule.Condition {
	s.Helper()
	key := s.name + "-0"
	return s.host.until(what, func(all map[string]schedule.Condition) bool { return is(all[key]) })[key]
}

// healthy waits for it to be healthy at an epoch later than that.
func (s story) healthy(after int64) schedule.Condition {
	s.Helper()
	return s.until("healthy", func(c schedule.Condition) bool { return c.Healthy && c.Epoch > after })
}

// says waits for it to be in a phase, with a message that contains that.
func (s story) says(phase schedule.Phase, part string) schedule.Condition {
	s.Helper()
	return s.until("says: "+part, func(c schedule.Condition) bool { return c.Phase == phase && strings.Contains(c.Message, part) })
}

// goes takes the job away, and waits until nothing is left of it.
func (s story) goes() {
	s.Helper()
	s.change(func(now schedule.State) (schedule.State, error) { return now.Remove(s.name) })
	s.host.until("gone", func(all map[string]schedule.Condition) bool { _, there := all[s.name+"-0"]; return !there })
}

// exec runs a command of the guest's in a container.
func (s story) exec(container string, command ...string) {
	s.Helper()
	name, _ := s.node.Container("uid-"+s.name, "0", container)
	code, err := s.node.Podman().Exec(s.Context(), name, podman.Exec{Command: append([]string{"/guest"}, command...)})
	if code != 0 || err != nil {
		s.Fatalf("%q ended with %d, %v", command, code, err)
	}
}

// lines waits for main to have written that many lines, and returns them.
func (s story) lines(count int) (lines []string) {
	s.Helper()
	ctx, done := context.WithTimeout(s.Context(), patience)
	defer done()
	name, _ := s.node.Container("uid-"+s.name, "0", "main")
	for line, err := range s.node.Podman().Logs(ctx, name, podman.Log{Follow: true}) {
		if err != nil {
			s.Fatalf("after %q: %v", lines, err)
		}
		if lines = append(lines, line.Text); len(lines) == count {
			break
		}
	}
	return lines
}

// end waits for the instance to have ended for good.
func (s story) end() (end schedule.End) {
	s.Helper()
	s.host.until("ended", func(map[string]schedule.Condition) bool {
		now, _, _ := s.mirror.State()
		if j := now.Job("uid-" + s.name); j != nil {
			end = j.Ended["0"]
		}
		return end.Outcome != ""
	})
	return end
}

// kept are the lines of main that are kept of the instance, sorted.
func (s story) kept() ([]string, error) {
	return texts(s.node.Logs().Read(schedule.Instance{Job: "uid-" + s.name, ID: "0"}, "main", podman.Log{}))
}

func texts(log iter.Seq2[podman.Line, error]) (lines []string, err error) {
	for line, err := range log {
		if err != nil {
			return nil, err
		}
		lines = append(lines, line.Text)
	}
	slices.Sort(lines)
	return lines, nil
}

// What keeps ending is started again after growing pauses, and people are told why.
func crashes(s story) {
	s.put("print up warn trouble exit 3")
	if c := s.says(schedule.BackOff, "main ended with exit code 3: trouble; it is started again after 8s"); c.Restarts != 3 || c.Containers["main"].ExitCode != 3 {
		s.Errorf("it is %+v", c)
	}
	// Of each attempt but the last two nothing is left. They are read before it is started again, or else after its next pause, which is longer.
	name, _ := s.node.Container("uid-"+s.name, "0", "main")
	for restarts := 3; ; restarts++ {
		s.until("crashed again", func(c schedule.Condition) bool { return c.Phase == schedule.BackOff && c.Restarts >= restarts })
		main, err := s.node.Podman().Container(s.Context(), name)
		if err != nil {
			s.Fatal(err)
		}
		last, unread := texts(podman.ReadLog(main.Log, podman.Log{}))
		before, lost := s.kept()
		if time.Since(main.Finished) >= 8*time.Second {
			continue
		}
		if want := []string{"trouble", "up"}; !slices.Equal(last, want) || !slices.Equal(before, want) {
			s.Errorf("of the last attempt there is %q, %v, and of the one before %q, %v; want %q of each", last, unread, before, lost, want)
		}
		return
	}
}

// What a program writes does nothing with the terminal of whoever is told of it.
func escapes(s story, store *secrets.Store) {
	if _, err := store.Put(s.Context(), "escapes", []byte("\x1b]0;mine\atrou\u009bble")); err != nil {
		s.Fatal(err)
	}
	s.put("env WORDS exit 3", func(c *job.Container) { c.Secrets = []job.Secret{{Name: "escapes", Env: "WORDS"}} })
	c := s.says(schedule.BackOff, "main ended with exit code 3:  ]0;mine trou ble")
	if said := c.Containers["main"].Message; !strings.Contains(said, ":  ]0;mine trou ble") {
		s.Errorf("of the container it is said: %q", said)
	}
}

// A secret that is no text is not given as a variable, which would have something else.
func isNoText(s story, store *secrets.Store) {
	set := func(name, value string) {
		s.Helper()
		if _, err := store.Put(s.Context(), name, []byte(value)); err != nil {
			s.Fatal(err)
		}
	}
	set("binary", "\xff\xfe")
	set("binary-nul", "a\x00b")
	s.put("env A env B stay", func(c *job.Container) {
		c.Secrets = []job.Secret{{Name: "binary", Env: "A"}, {Name: "binary-nul", Env: "B"}}
	})
	s.says(schedule.BackOff, "secret binary is no text, as variable A has to be: have it as a file")
	set("binary", "größer")
	s.says(schedule.BackOff, "secret binary-nul is no text, as variable B has to be")
	set("binary-nul", "b")
	s.healthy(0)
	if got, want := s.lines(2), []string{"größer", "b"}; !slices.Equal(got, want) {
		s.Errorf("it has %q, want %q", got, want)
	}
}

// slowVault is a Vault that knows one secret, and answers once it may.
func slowVault(t *testing.T) (o secrets.VaultOptions, may chan struct{}) {
	t.Helper()
	may = make(chan struct{})
	over := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/auth/cert/login", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-may:
			_, _ = w.Write([]byte(`{"auth": {"client_token": "t"}}`))
		case <-over:
		}
	})
	mux.HandleFunc("GET /v1/a/b", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"data": {"k": "v4lue"}}`)) })
	mux.HandleFunc("POST /v1/auth/token/revoke-self", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewTLSServer(mux)
	t.Cleanup(func() { close(over); server.Close() })
	o = secrets.VaultOptions{Address: server.URL, CA: x509.NewCertPool()}
	o.CA.AddCert(server.Certificate())
	return o, may
}

// People are told that it is Vault that is waited for.
func asksVault(s story, may chan struct{}) {
	s.put("env KEY stay", func(c *job.Container) {
		c.Secrets = []job.Secret{{Env: "KEY", Vault: &job.Vault{Path: "a/b", Key: "k", Role: "r"}}}
	})
	s.says(schedule.Starting, "asks Vault for a/b")
	close(may)
	s.healthy(0)
	if got := s.lines(1); got[0] != "v4lue" {
		s.Errorf("it has %q", got)
	}
}

// A pod that podman has made too late is removed; what has its name may be being made meanwhile, and keeps the files of its secrets.
func comesLate(s story) {
	name := s.name + "_0_9"
	written := filepath.Join(s.setting.Run, "secrets", name, "main")
	if err := os.MkdirAll(written, 0o700); err != nil {
		s.Fatal(err)
	}
	err := s.node.Podman().CreatePod(s.Context(), podman.Pod{Name: name, Hostname: s.name, CgroupParent: s.Cgroup + "/stop", Network: machine.Network.Name,
		Labels: map[string]string{"ozymandias.node": "n1", "ozymandias.job": "uid-" + s.name, "ozymandias.name": s.name, "ozymandias.id": "0",
			"ozymandias.epoch": "9", "ozymandias.revision": "1", "ozymandias.incarnation": "x"}})
	if err != nil {
		s.Fatal(err)
	}
	for began := time.Now(); slices.ContainsFunc(s.pods(), func(pod string) bool { return strings.HasPrefix(pod, name) }); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > patience {
			s.Fatal("the pod is not removed")
		}
	}
	if _, err := os.Stat(written); err != nil {
		s.Error(err)
	}
}

// What is never to be started again is complete when it has ended well.
func ends(s story) {
	s.put("exit 0", func(c *job.Container) { c.Restart.Policy = job.Never })
	if end := s.end(); end.Outcome != schedule.Complete || end.Node != "n1" || end.Code != 0 {
		s.Errorf("it is %+v", end)
	}
}

// What has ended can be read until its job is deleted, though nothing of it is left but that.
func leavesLogs(s story) {
	s.put("print done exit 0", func(c *job.Container) { c.Restart.Policy = job.Never })
	s.end()
	s.host.until("removed", func(all map[string]schedule.Condition) bool { _, there := all[s.name+"-0"]; return !there })
	if got, err := s.kept(); !slices.Equal(got, []string{"done"}) {
		s.Errorf("of what has ended there is %q, %v", got, err)
	}
	s.goes()
	for began := time.Now(); s.node.Logs().Has(schedule.Instance{Job: "uid-" + s.name, ID: "0"}, "main"); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > patience {
			s.Fatal("the logs of a job that is gone are left")
		}
	}
}

// Of what could not be made no secret is left.
func halts(s story, store *secrets.Store) {
	if _, err := store.Put(s.Context(), "half", []byte("s3cret")); err != nil {
		s.Fatal(err)
	}
	s.put("stay", func(c *job.Container) { c.Secrets = []job.Secret{{Name: "half"}, {Name: "nobody-has-this"}} })
	s.says(schedule.BackOff, "nobody-has-this")
	written := func() []string {
		s.Helper()
		files, err := filepath.Glob(filepath.Join(s.setting.Run, "secrets", s.name+"_*"))
		if err != nil {
			s.Fatal(err)
		}
		return files
	}
	for began := time.Now(); len(written()) != 1; time.Sleep(5 * time.Millisecond) { // each attempt writes them anew
		if time.Since(began) > patience {
			s.Fatalf("secrets are in %v", written())
		}
	}
	s.goes()
	if left := written(); len(left) > 0 {
		s.Errorf("the secrets are left: %v", left)
	}
}

// What has used up its tries has failed.
func fails(s story) {
	s.put("exit 4", func(c *job.Container) { c.Restart = job.Restart{Policy: job.OnFailure, Tries: 1} })
	if end := s.end(); end.Outcome != schedule.Failed || end.Node != "n1" || end.Code != 4 {
		s.Errorf("it is %+v", end)
	}
}

// What uses more memory than it may is killed by the kernel, and people are told so.
func eats(s story) {
	s.put("eat 200000000 stay")
	s.says(schedule.BackOff, "main was killed as it used more than its 64M of memory")
}

// An image that is not there is waited for.
func pulls(s story) {
	image := "localhost/later:1"
	s.put("print up stay", func(c *job.Container) { c.Image = image })
	s.says(schedule.BackOff, image)
	if err := s.node.Podman().Tag(s.Context(), podmantest.Image, image); err != nil {
		s.Fatal(err)
	}
	s.healthy(0)
	s.goes()
	if err := s.node.Podman().RemoveImage(s.Context(), image); err != nil {
		s.Error(err)
	}
}

// A port of the node that somebody else has is waited for.
func binds(s story) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer taken.Close()
	port := netip.MustParseAddrPort(taken.Addr().String()).Port()
	s.put("serve 80 stay", func(c *job.Container) {
		c.Ports = []job.Port{{IP: netip.MustParseAddr("127.0.0.1"), Host: port, Container: 80, Protocol: job.TCPProtocol}}
	})
	s.says(schedule.BackOff, "TCP port "+strconv.Itoa(int(port))+" of the node is in use")
	taken.Close()
	s.healthy(0)
}

// A port that the node's ingress has is left to it where it leads to the same; or else people are told.
func yields(s story) {
	j := web("serve 8080 stay", func(c *job.Container) { c.Ports = []job.Port{{Host: 80, Container: 8080, Protocol: job.TCPProtocol}} })
	j.Name = s.name
	s.host.put(j)
	s.says(schedule.BackOff, "port 80 is the ingress's on every node")
	j.Ingress = job.Ingresses{{Host: "web.example", Container: "main", Port: 8080}}
	s.host.put(j)
	s.healthy(0)
}

// A container waits for the one that it depends on to be healthy.
func depends(s story) {
	j := web("print up stay", func(c *job.Container) { c.DependsOn = job.Dependencies{"db": {Condition: job.Healthy}} })
	j.Name = s.name
	j.Containers["db"] = job.Container{Image: podmantest.Image, Command: job.Words{"stay"}, Memory: 64e6,
		Healthcheck: &job.Healthcheck{Type: job.Exec, Command: job.Words{"/guest", "read", "/ready"}, Interval: job.Duration(time.Second), UnhealthyThreshold: 100}}
	s.host.put(j)
	waits := s.says(schedule.Starting, "main waits for db to be healthy")
	if waits.Containers["db"].State != schedule.ContainerRunning || waits.Containers["main"].State != schedule.ContainerCreated {
		s.Errorf("it is %+v", waits)
	}
	s.exec("db", "write", "/ready")
	s.healthy(0)
}

// What does not pass its check is ended, and started again.
func sickens(s story) {
	s.put("serve 80 stay", func(c *job.Container) { // and nothing answers at the port that is asked
		c.Healthcheck = &job.Healthcheck{Type: job.TCP, Port: 81, Interval: job.Duration(time.Second), UnhealthyThreshold: 1}
	})
	if c := s.says(schedule.BackOff, "main was ended as it was not healthy"); c.Healthy {
		s.Errorf("it is %+v", c)
	}
	s.until("started again", func(c schedule.Condition) bool { return c.Restarts > 0 })
}

// Containers know where they are.
func looksAround(s story) {
	s.put("env OZYMANDIAS_JOB env OZYMANDIAS_INSTANCE env OZYMANDIAS_NODE env OZYMANDIAS_EPOCH read /etc/hostname stay")
	want := []string{s.name, "0", "n1", strconv.FormatInt(s.healthy(0).Epoch, 10), s.name + "-0"}
	if got := s.lines(len(want)); !slices.Equal(got, want) {
		s.Errorf("it says %q, want %q", got, want)
	}
}

// Secrets come as variables, and as files that the container's user alone can read; they are waited for, and are gone with the instance.
func reads(s story, store *secrets.Store) {
	s.put("env TOKEN read /run/secrets/password stay", func(c *job.Container) {
		c.User = "1234"
		c.Secrets = []job.Secret{{Name: "token", Env: "TOKEN"}, {Name: "password"}}
	})
	s.says(schedule.BackOff, "token")
	for name, value := range map[string]string{"token": "t0ken", "password": "s3cret"} {
		if _, err := store.Put(s.Context(), name, []byte(value)); err != nil {
			s.Fatal(err)
		}
	}
	s.healthy(0)
	if got, want := s.lines(2), []string{"t0ken", "s3cret"}; !slices.Equal(got, want) {
		s.Errorf("it says %q, want %q", got, want)
	}
	files, err := filepath.Glob(filepath.Join(s.setting.Run, "secrets", s.name+"_*", "*", "*"))
	if err != nil || len(files) != 1 {
		s.Fatalf("the secrets are in %v, %v", files, err)
	}
	var status unix.Stat_t
	if err := unix.Stat(files[0], &status); err != nil || status.Uid != 1234 || status.Mode&0o777 != 0o400 {
		s.Errorf("the secret is user %d's, with mode %o: %v", status.Uid, status.Mode, err)
	}
	s.goes()
	if _, err := os.Stat(filepath.Dir(filepath.Dir(files[0]))); !errors.Is(err, fs.ErrNotExist) {
		s.Errorf("the secrets are left: %v", err)
	}
}

// A local volume is found again by the next revision on the same node, and goes once the job is gone.
func writes(s story, store *volumes.Store) {
	volume := func(c *job.Container) { c.Volumes = []job.Volume{{Path: "/data", Space: 4e6}} }
	s.put("write /data/begun stay", volume)
	first := s.healthy(0)
	s.put("read /data/begun stay", volume) // it ends if there is none
	if second := s.healthy(first.Epoch); second.Restarts > 0 {
		s.Errorf("it is %+v", second)
	}
	if all := store.All(); len(all) != 1 || all[0].Space != 4e6 {
		s.Errorf("the volumes are %+v", all)
	}
	s.goes()
	s.host.until("without volumes", func(map[string]schedule.Condition) bool {
		now, _, _ := s.mirror.State()
		return len(now.Node("n1").Volumes) == 0 && len(store.All()) == 0
	})
}

// A healthy instance has a name, which is taken back before it is stopped.
func hasName(s story) {
	ctx, done := context.WithTimeout(s.Context(), patience)
	defer done()
	key := "/skydns/internal/ozymandias/" + s.name + "/0"
	news := s.etcd.Direct.Watch(ctx, key)
	next := func() *clientv3.Event {
		for answer := range news {
			for _, event := range answer.Events {
				return event
			}
		}
		s.Fatal("nothing is said of the name")
		return nil
	}
	s.put("serve 80 deaf stay", func(c *job.Container) {
		c.StopGracePeriod = job.Duration(patience) // so that it is still there when it has been told to stop
		c.Healthcheck = &job.Healthcheck{Type: job.Exec, Command: job.Words{"/guest", "read", "/well"}, Interval: job.Duration(time.Second), StartPeriod: job.Duration(time.Hour)}
	})
	s.until("running", func(c schedule.Condition) bool { return c.Phase == schedule.Running })
	if there, err := s.etcd.Direct.Get(ctx, key); err != nil || there.Count > 0 {
		s.Errorf("what is not healthy has a name: %v, %v", there, err)
	}
	s.exec("main", "write", "/well")
	c := s.healthy(0)
	if address, err := netip.ParseAddr(c.Address); err != nil || !machine.Network.Subnet.Contains(address) {
		s.Errorf("its address is %q, of %v", c.Address, machine.Network.Subnet)
	}
	if e := next(); e.Type != clientv3.EventTypePut || !bytes.Contains(e.Kv.Value, []byte(`"`+c.Address+`"`)) {
		s.Errorf("%s of %s", e.Type, e.Kv)
	}
	name, _ := s.node.Container("uid-"+s.name, "0", "main")
	s.change(func(now schedule.State) (schedule.State, error) { return now.Scale(s.name, 0) })
	if e := next(); e.Type != clientv3.EventTypeDelete {
		s.Errorf("%s of %s", e.Type, e.Kv)
	}
	if main, err := s.node.Podman().Container(ctx, name); err != nil || !main.Running() {
		s.Errorf("it was stopped before its name was gone: %+v, %v", main, err)
	}
}
