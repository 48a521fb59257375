package test

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/test/address"
)

// etcdProgram is an etcd, built from the module that Teamtask embeds unless it was before.
var etcdProgram = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "go.etcd.io/etcd/server/v3").Output()
	if err != nil {
		return "", fmt.Errorf("find the version of etcd: %w", err)
	}
	bin := filepath.Join(cache, "teamtask-test", "etcd-"+string(version[:len(version)-1]))
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	part := fmt.Sprintf("%s.%d", bin, os.Getpid()) // go build may copy it, and be killed halfway
	if out, err := exec.Command("go", "build", "-o", part, "go.etcd.io/etcd/server/v3").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build etcd: %w\n%s", err, out)
	}
	return bin, os.Rename(part, bin)
})

// startEtcd runs an etcd of its own, and returns its endpoint.
func startEtcd(t *testing.T) string {
	t.Helper()
	bin, err := etcdProgram()
	if err != nil {
		t.Fatal(err)
	}
	client, peer := "http://"+address.Free(t), "http://"+address.Free(t)
	log := &syncBuffer{}
	cmd := exec.Command(bin, "--data-dir", t.TempDir(), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer, "--log-level", "error")
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log("etcd:", log.String())
		}
	})
	eventually(t, "etcd listens", func() bool {
		c, err := net.Dial("tcp", client[len("http://"):])
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return client
}

// Two servers share an etcd. Each answers for every list; when the owner of a list is killed the other takes it over, and
// nothing is lost or counted twice.
func TestTheOwnerIsKilled(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	a := newSite(t, "--etcd-endpoints", etcd, "--takeover-after", "2s")
	b := newSite(t, "--etcd-endpoints", etcd, "--takeover-after", "2s")
	a.create("long", v1alpha1.WorklistSpec{Size: 1 << 50, Block: v1alpha1.BlockPolicy{Size: 10}})

	// Work through both; whoever owns the list, the other one passes the calls on.
	workers := hire(t, 4, "b", func(int) *client.Client { return b.Client })
	for round := range 4 {
		workers.getOn(t, "the workers get on", 101)
		wl, err := b.Get(t.Context(), "long")
		if err != nil {
			t.Fatal(err)
		}
		owner, other := a, b
		if wl.Status.Owner == "" { // the one that was asked does not own it
			wl, err = a.Get(t.Context(), "long")
			if err != nil {
				t.Fatal(err)
			}
		}
		if wl.Status.Owner == b.URL {
			owner, other = b, a
		}
		if owner == b {
			// The workers are at b: let it go and come back, so that they find the list with a.
			b.kill()
			b.start()
		} else {
			owner.kill()
			workers.getOn(t, fmt.Sprintf("round %d: the other goes on", round), 101)
			owner.start()
		}
		other.covered(t, &workers.ack)
	}
	workers.dismiss(t, b)
}

// Any server answers for the lists of all: how they stand, and which one a worker that serves all is given a block of.
func TestAnyServerKnowsAllLists(t *testing.T) {
	t.Parallel()
	etcd := startEtcd(t)
	a := newSite(t, "--etcd-endpoints", etcd)
	spec := v1alpha1.WorklistSpec{Size: 1000, Block: v1alpha1.BlockPolicy{Size: 10}}
	a.create("of-a", spec)
	eventually(t, "a owns its list", func() bool { return a.status("of-a").Owner == a.URL })
	b := newSite(t, "--etcd-endpoints", etcd)
	spec.Priority = 5
	name := ""
	for i := 0; name == "" && i < 20; i++ { // a may be quicker to take a list than b, who was asked to create it
		try := fmt.Sprintf("of-b-%d", i)
		b.create(try, spec)
		eventually(t, "the list has an owner", func() bool { return b.status(try).Owner != "" })
		if b.status(try).Owner == b.URL {
			name = try
		} else if err := b.Delete(t.Context(), try); err != nil {
			t.Fatal(err)
		}
	}
	if name == "" {
		t.Fatal("b never gets to own a list")
	}
	for _, s := range []*site{a, b} {
		// The list of b is the urgent one, whoever is asked; and both know what is out. A server that does not answer the other for two
		// seconds, as on a busy machine, is left out: then it is asked again.
		var got *v1alpha1.ClaimResponse
		eventually(t, s.URL+" hands out blocks of the urgent list", func() (ok bool) {
			var err error
			if got, err = s.ClaimAny(t.Context(), &v1alpha1.ClaimRequest{Worker: "w-" + s.addr, Blocks: 100}); err != nil {
				t.Fatal(err)
			}
			if got.Worklist == name {
				return len(got.Leases) > 0
			}
			for _, l := range got.Leases {
				if _, err := s.Complete(t.Context(), got.Worklist, "w-"+s.addr, v1alpha1.Report{Token: l.Token, Release: true}); err != nil {
					t.Fatal(err)
				}
			}
			return false
		})
		eventually(t, s.URL+" knows who has both lists, and what is out", func() bool {
			known := map[string]string{}
			for wl, err := range s.Worklists(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if wl.Name != name || wl.Status.Leased > 0 {
					known[wl.Name] = wl.Status.Owner
				}
			}
			return maps.Equal(known, map[string]string{"of-a": a.URL, name: b.URL})
		})
		for i, l := range got.Leases {
			r := v1alpha1.Report{Token: l.Token}
			if s == a && i > 0 { // b is to get some, too
				r.Release = true
			}
			if _, err := s.Complete(t.Context(), name, "w-"+s.addr, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Nothing is left of the urgent one: the other's turn, at b as well.
	eventually(t, "b hands out blocks of a's list", func() bool {
		got, err := b.ClaimAny(t.Context(), &v1alpha1.ClaimRequest{Worker: "last"})
		if err != nil {
			t.Fatal(err)
		}
		return got.Worklist == "of-a"
	})
}
