package names

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/program"
)

// Whatever a node is called, the name of its instance is one label, and not one that means something else to CoreDNS.
func TestKey(t *testing.T) {
	for id, want := range map[string]string{
		"0": "0", "12": "12", "n1": "n1", "n-1": "n-1",
		"n1.example.org": "n1-example-org/n1.example.org", "N1": "n1/N1", "a_b": "a-b/a_b", "-": "node/-", "any": "node/any", "*": "node/%2A", "a/b": "a-b/a%2Fb",
		"größe":                 "gr--e/gr%C3%B6%C3%9Fe",
		strings.Repeat("a", 64): strings.Repeat("a", 63) + "/" + strings.Repeat("a", 64),
	} {
		if got := (Record{Job: "web", ID: id}).key(); got != prefix+"web/"+want {
			t.Errorf("key of %s: %s, want %s", id, strings.TrimPrefix(got, prefix+"web/"), want)
		}
	}
}

// Nameservers are told as resolv.conf(5) does it.
func TestNameservers(t *testing.T) {
	got := nameservers([]byte("# nameserver 9.9.9.9\nsearch example.org\nnameserver 10.0.0.1\n nameserver\t10.0.0.2 # the other\nnameserver 10.0.0.1\n" +
		"nameserver ns.example.org\nnameserver\nnameserver fe80::1%eth0\nnameserver 2001:db8::1"))
	want := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("2001:db8::1")}
	if !slices.Equal(got, want) {
		t.Errorf("nameservers() = %v, want %v", got, want)
	}
}

// A server never passes questions on to itself.
func TestUpstream(t *testing.T) {
	o := Options{Listen: netip.MustParseAddr("10.88.1.1"), Resolv: filepath.Join(t.TempDir(), "resolv.conf")}
	if got := o.upstream(); len(got) > 0 {
		t.Errorf("without a resolv.conf: %v", got)
	}
	if err := os.WriteFile(o.Resolv, []byte("nameserver 10.88.1.1\nnameserver 10.0.0.1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := o.upstream(); len(got) != 1 || got[0] != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("upstream() = %v", got)
	}
}

// The configuration in full, and with the least there can be.
func TestCorefile(t *testing.T) {
	listen := netip.MustParseAddr("10.88.1.1")
	full := Options{Listen: listen, Dir: "/data/names", Etcd: program.Etcd{Endpoints: []string{"https://10.0.0.1:7701", "https://10.0.0.2:7701"},
		CA: "/data/ca.crt", Certificate: "/data/our \"own\".crt", Key: "/data/node.key"}}
	least := Options{Listen: listen, Dir: "/data/names", Etcd: program.Etcd{Endpoints: []string{"http://127.0.0.1:2379"}}}
	for name, got := range map[string][]byte{
		"full":  full.corefile([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}),
		"least": least.corefile(nil),
	} {
		golden := filepath.Join("testdata", name+".Corefile")
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Error(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s should be:\n%s", golden, got)
		}
	}
}
