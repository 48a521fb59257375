package network_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/ozymandias/network"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
)

// tell answers HTTP with the address that asks, at the test's own address.
func tell(t *testing.T, at netip.Addr) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", netip.AddrPortFrom(at, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := netip.MustParseAddrPort(r.RemoteAddr)
		fmt.Fprintln(w, from.Addr())
	})}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() { server.Close(); <-over })
	return "http://" + listener.Addr().String()
}

// Pods of all nodes reach each other by their own addresses, and by name, whatever else the nodes filter; what is outside sees the node.
func TestPods(t *testing.T) {
	programtest.Use(t, program.Flannel, program.CoreDNS)
	machines := netnstest.New(t, 3)
	etcd, files := etcdtest.StartSecure(t, machines.Outside)
	outside := tell(t, machines.Outside)
	var nodes []*node
	var pods []netip.Addr
	for _, m := range machines.Machines[:2] {
		// As Docker leaves it.
		if out, err := m.Command("iptables", "--wait", "-P", "FORWARD", "DROP").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		n := start(t, m, outfit{Etcd: files, Dir: t.TempDir(), Pods: true})
		nodes, pods = append(nodes, n), append(pods, n.pod(t, "tell 80 stay"))
	}
	if nodes[0].Network.Subnet.Overlaps(nodes[1].Network.Subnet) {
		t.Errorf("both nodes have %s", nodes[0].Network.Subnet)
	}
	for i, n := range nodes {
		other := pods[1-i]
		n.says(t, "get http://"+other.String(), pods[i].String())
		n.says(t, "get "+outside, n.machine.Address.String())
		if out, err := n.machine.Command("curl", "--silent", "--max-time", "60", "http://"+other.String()).CombinedOutput(); err != nil {
			t.Errorf("%s does not reach a pod of another node: %v, %s", n.machine.Name, err, out)
		}
	}

	p := names.NewPublisher(etcd.Direct, slog.New(slog.NewTextHandler(t.Output(), nil)))
	publishing := make(chan struct{})
	go func() {
		defer close(publishing)
		p.Run(t.Context())
	}()
	t.Cleanup(func() { <-publishing })
	lease, err := etcd.Direct.Grant(patient(t), 3600)
	if err != nil {
		t.Fatal(err)
	}
	p.Publish(lease.ID, []names.Record{{Job: "web", ID: "0", Address: pods[0]}, {Job: "web", ID: "1", Address: pods[1]}})
	for i, n := range nodes {
		n.says(t, "lookup web", strings.Join([]string{min(pods[0].String(), pods[1].String()), max(pods[0].String(), pods[1].String())}, " "))
		n.says(t, "lookup 0.web", pods[0].String())
		n.says(t, fmt.Sprintf("get http://%d.web.ozymandias.internal", 1-i), pods[i].String())
	}

	// A node that comes later is heard of, even by those that have lost their place in etcd's history.
	for i := range 10 {
		answer, err := etcd.Direct.Put(patient(t), "/else", fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := etcd.Direct.Compact(patient(t), answer.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
			t.Fatal(err)
		}
	}
	etcd.Lose(etcdtest.Both)
	etcd.Lose(etcdtest.Nothing)
	late := start(t, machines.Machines[2], outfit{Etcd: files, Dir: t.TempDir(), Pods: true})
	own := late.pod(t, "tell 80 stay")
	for i, n := range nodes {
		n.says(t, "get http://"+own.String(), pods[i].String())
		late.says(t, "get http://"+pods[i].String(), own.String())
	}
}

// A node keeps its part of the network, whatever happens to it, until somebody else has it.
func TestKeepsItsPart(t *testing.T) {
	programtest.Use(t, program.Flannel)
	machines := netnstest.New(t, 1)
	etcd, files := etcdtest.StartSecure(t, machines.Outside)
	m, o := machines.Machines[0], outfit{Etcd: files, Dir: t.TempDir()}
	n := start(t, m, o)
	first := n.state
	same := func(what string) {
		t.Helper()
		if n.state != first {
			t.Errorf("%s: first %+v, then %+v", what, first, n.state)
		}
		if answer := n.ask(t, "check"); answer != "" {
			t.Errorf("%s: %s", what, answer)
		}
	}
	n.stop(t)
	n = start(t, m, o)
	same("after it has ended")
	n.kill(t)
	n = start(t, m, o)
	same("after it was killed")
	n.ask(t, "reach")
	same("when etcd is reached in another way")

	// Its record goes when it was not seen for a day.
	n.stop(t)
	subnets := func() (keys []string) {
		answer, err := etcd.Direct.Get(patient(t), "/ozymandias.network/subnets/", clientv3.WithPrefix())
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range answer.Kvs {
			keys = append(keys, string(kv.Key))
		}
		return keys
	}
	record := subnets()
	if len(record) != 1 {
		t.Fatalf("flannel's records are %v", record)
	}
	if _, err := etcd.Direct.Delete(patient(t), record[0]); err != nil {
		t.Fatal(err)
	}
	n = start(t, m, o)
	same("after its record was lost")

	// A machine that has lost all it knew is known by its address.
	n.stop(t)
	if err := os.Remove(filepath.Join(o.Dir, "subnet.env")); err != nil {
		t.Fatal(err)
	}
	n = start(t, m, o)
	same("after it has lost its data")

	// Another has taken its place.
	taken := `{"PublicIP":"192.0.2.1","BackendType":"vxlan","BackendData":{"VNI":7703,"VtepMAC":"2e:00:00:00:00:01"}}`
	if _, err := etcd.Direct.Put(patient(t), record[0], taken); err != nil {
		t.Fatal(err)
	}
	n.ask(t, "reach")
	for ctx := patient(t); ; {
		answer := n.ask(t, "check")
		if strings.HasPrefix(answer, "this node's part of the network was ") {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("after another has taken its place: %q", answer)
		}
	}
	n.stop(t)
	n = start(t, m, o)
	if n.Network.Subnet == first.Network.Subnet {
		t.Error("it has what another has")
	}
	if answer := n.ask(t, "check"); answer != "" {
		t.Error(answer)
	}
	for ctx := patient(t); ; { // flannel writes its own a moment after it has said what the node's part is
		rules, err := m.Command("iptables-save").Output()
		forward, keep := strings.Count(string(rules), "-A FORWARD"), strings.Count(string(rules), "from pod to pod")
		if forward == 1 && keep == 1 && err == nil {
			break
		}
		if forward > 1 || keep > 1 || err != nil || ctx.Err() != nil {
			t.Fatalf("after all that, the rules are %v\n%s", err, rules)
		}
	}
	addresses, err := m.Command("ip", "-brief", "address", "show", "dev", "lo").Output()
	if err != nil || !strings.Contains(string(addresses), n.Nameserver.String()+"/32") || strings.Contains(string(addresses), first.Nameserver.String()+"/32") {
		t.Errorf("the nameserver is %s now and was %s; the machine has %s, %v", n.Nameserver, first.Nameserver, addresses, err)
	}
}

// A single machine needs neither flannel nor etcd; when it is joined by others its pods need not change.
func TestSingle(t *testing.T) {
	machines := netnstest.New(t, 1)
	outside := tell(t, machines.Outside)
	m, dir := machines.Machines[0], t.TempDir()
	single := start(t, m, outfit{Single: true, Dir: dir, Pods: true})
	own := single.pod(t, "tell 80 stay")
	single.says(t, "get "+outside, m.Address.String())
	single.says(t, "get http://"+own.String(), own.String())
	if answer := single.ask(t, "check"); answer != "" {
		t.Error(answer)
	}
	single.stop(t)

	programtest.Use(t, program.Flannel)
	_, files := etcdtest.StartSecure(t, machines.Outside)
	joined := start(t, m, outfit{Etcd: files, Dir: dir})
	if joined.Network != single.Network || joined.Nameserver != single.Nameserver {
		t.Errorf("alone it has %+v, joined by others %+v", single.state, joined.state)
	}

	if answer := joined.ask(t, "remove"); answer != "" {
		t.Error(answer)
	}
	for command, left := range map[string]string{"ip -brief address": joined.Nameserver.String(), "ip link": "flannel", "iptables-save -t nat": "from pod to pod", "iptables-save -t filter": "FLANNEL"} {
		words := strings.Fields(command)
		out, err := m.Command(words[0], words[1:]...).Output()
		if err != nil || strings.Contains(string(out), left) {
			t.Errorf("%s is left: %s %v", left, out, err)
		}
	}
	joined.stop(t)
	again := start(t, m, outfit{Single: true, Dir: dir})
	if again.Network != single.Network {
		t.Errorf("after all was removed it has %+v", again.Network)
	}
}

// What a node cannot do without is said.
func TestCannotStart(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	own := netip.MustParseAddr("127.0.0.1")
	_, err := network.Start(patient(t), network.Options{Address: own, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "go install github.com/flannel-io/flannel@") {
		t.Errorf("without flannel: %v", err)
	}
	_, err = network.Start(patient(t), network.Options{Address: netip.MustParseAddr("203.0.113.7"), Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "no interface of this machine has the address 203.0.113.7") {
		t.Errorf("with an address of somebody else: %v", err)
	}
}
