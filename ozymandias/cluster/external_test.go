package cluster

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"teamtask.dev/ozymandias/program"
	"teamtask.dev/test/address"
)

func TestTooOld(t *testing.T) {
	for _, at := range []struct{ version, want string }{
		{"3.4.23", "renews leases that were revoked, and loses events of watches"},
		{"3.4.45", "renews leases that were revoked, and loses events of watches"},
		{"3.5.12", "renews leases that were revoked, and loses events of watches"},
		{"3.5.13", "renews leases that were revoked"},
		{"3.5.22", "renews leases that were revoked"},
		{"3.5.23", ""},
		{"3.6.4", "renews leases that were revoked"},
		{"3.6.5", ""},
		{"3.7.0", ""},
		{"3.8.0-alpha.0", ""},
		{"4.0.0", "is not one of etcd 3"},
		{"", "cannot be read"},
		{"3.5", "cannot be read"},
		{"three.five.six", "cannot be read"},
	} {
		if got := tooOld(at.version); got != at.want {
			t.Errorf("%q: %q, want %q", at.version, got, at.want)
		}
	}
}

// A cluster may have its records in an etcd of the user's own. There is one cluster in it, which is joined as any other.
func TestExternal(t *testing.T) {
	t.Parallel()
	external := &program.Etcd{Endpoints: []string{ownEtcd(t)}}
	o := options(t, "n1")
	o.External = external
	first := start(t, o)
	if !first.Founded() {
		t.Error("it does not say that it has founded a cluster")
	}

	alone := options(t, "n2")
	alone.External = external
	if _, err := tryStart(t, alone); !errors.Is(err, ErrOtherCluster) || !strings.Contains(err.Error(), "--join") {
		t.Errorf("a second cluster is founded in the same etcd: %v", err)
	}
	second := first.joining("n2")
	if _, err := tryStart(t, second); err == nil || !strings.Contains(err.Error(), "--etcd-endpoints") {
		t.Errorf("a node joins without knowing the etcd: %v", err)
	}
	second.External = external
	joined := start(t, second)
	nodes, err := joined.Nodes(t.Context())
	if err != nil || len(nodes) != 2 {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
	if e := joined.Etcd(); e.Endpoints[0] != external.Endpoints[0] || e.CA != "" {
		t.Errorf("programs beside the node are told %+v", e)
	}

	for _, m := range []*machine{first, joined} {
		m.stop()
		without := m.o
		without.External = nil
		if _, err := tryStart(t, without); err == nil || !strings.Contains(err.Error(), "give --etcd-endpoints") {
			t.Errorf("a node is started without its etcd: %v", err)
		}
		forced := m.o
		forced.ForceNewCluster = true
		if _, err := tryStart(t, forced); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "etcd of your own") {
			t.Errorf("the user's own etcd is to go on alone: %v", err)
		}
		if err := Backup(t.Context(), m.o.Data, io.Discard); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "etcd of your own: back that up") {
			t.Errorf("a backup of half a cluster: %v", err)
		}
		if again := start(t, m.o); again.Founded() {
			t.Error("it says that it has founded another cluster")
		}
	}
	if _, err := os.Stat(first.dir.etcd()); err == nil {
		t.Error("there is an embedded etcd beside the user's own")
	}
}

// An etcd of the user's own need not forget anything by itself. It is made to forget what has long been overwritten: nodes write all the time,
// and an etcd whose quota is used up takes no writes any more.
func TestExternalHistory(t *testing.T) {
	t.Parallel()
	o := options(t, "n1")
	o.External = &program.Etcd{Endpoints: []string{ownEtcd(t)}}
	o.patience = patience{history: time.Nanosecond}
	first := start(t, o)
	second := first.joining("n2")
	second.External, second.patience = o.External, o.patience
	start(t, second)
	eventually(t, "the first revisions are forgotten", func() bool {
		_, err := first.client.Get(t.Context(), formatKey, clientv3.WithRev(1))
		return errors.Is(err, rpctypes.ErrCompacted)
	})
	if nodes, err := first.Nodes(t.Context()); err != nil || len(nodes) != 2 {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
}

// An etcd with known faults is refused, with the reason: here Debian 12's.
func TestDebiansEtcd(t *testing.T) {
	t.Parallel()
	o := options(t, "n1")
	o.External = &program.Etcd{Endpoints: []string{debiansEtcd(t)}}
	_, err := tryStart(t, o)
	if !errors.Is(err, ErrEtcdTooOld) || !strings.Contains(err.Error(), "version 3.4.23, which renews leases that were revoked, and loses events of watches") {
		t.Errorf("it is refused with: %v", err)
	}
}

// ownEtcd starts an etcd of this module's version, without TLS.
func ownEtcd(t *testing.T) (endpoint string) {
	t.Helper()
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.LogLevel = "fatal"
	anyPort := url.URL{Scheme: "http", Host: address.Host().String() + ":0"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{anyPort}, []url.URL{anyPort}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{anyPort}, []url.URL{anyPort}
	cfg.InitialCluster = cfg.Name + "=" + anyPort.String()
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(etcd.Close)
	<-etcd.Server.ReadyNotify()
	return "http://" + etcd.Clients[0].Addr().String()
}

// debiansEtcd starts the etcd of Debian 12, which is fetched once and not installed.
func debiansEtcd(t *testing.T) (endpoint string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	const version = "3.4.23"
	dir := filepath.Join(cache, "teamtask", "etcd-server-"+version)
	if _, err := os.Stat(dir); err != nil {
		if policy, err := exec.Command("apt-cache", "policy", "etcd-server").Output(); err != nil || !strings.Contains(string(policy), "Candidate: "+version) {
			t.Skipf("Debian's package etcd-server %s is not to be had here", version)
		}
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-*")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(work)
		command := exec.Command("sh", "-ec", fetchEtcd, "sh", dir)
		command.Dir = work
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("fetch Debian's etcd: %v\n%s", err, out)
		}
	}
	host := address.Host().String()
	client, peer := "http://"+host+":2379", "http://"+host+":2380"
	// It ends with its standard input, that is with the test at the latest.
	cmd := exec.Command("sh", "-c", `"$@" & cat; kill $!; wait`, "sh", filepath.Join(dir, "usr", "bin", "etcd"), "--data-dir", t.TempDir(), "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	// It listens before it has a leader and can answer anything.
	asking := &http.Client{Timeout: time.Minute}
	defer asking.CloseIdleConnections()
	eventually(t, "Debian's etcd is well", func() bool {
		answer, err := asking.Get(client + "/health")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK && strings.Contains(string(said), `"true"`)
	})
	return client
}

// fetchEtcd puts Debian's etcd into a directory. The machine's lists may be older than what the mirror has: then there is nothing where they say,
// and it is asked for lists of this script's own.
const fetchEtcd = `
apt-get download etcd-server || {
	mkdir -p lists/partial
	apt-get -o Dir::State::Lists="$PWD/lists" update
	apt-get -o Dir::State::Lists="$PWD/lists" download etcd-server
}
dpkg-deb --extract etcd-server_*.deb tree
mv tree "$1"
`
