package network

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/etcdtest"
)

// patient is a context with the patience that a slow machine asks for.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(done)
	return ctx
}

// The first node decides which network the pods have; who was told another one is refused, and who was told none takes it.
func TestAgree(t *testing.T) {
	ctx, client := patient(t), etcdtest.Start(t).Direct
	small, none := netip.MustParsePrefix("10.60.0.0/22"), netip.Prefix{}
	for _, wish := range []netip.Prefix{small, small, none} {
		if got, err := agree(ctx, client, wish); got != small || err != nil {
			t.Errorf("agree(%v) = %v, %v", wish, got, err)
		}
	}
	_, err := agree(ctx, client, DefaultPods)
	if err == nil || !strings.Contains(err.Error(), "is 10.60.0.0/22 and cannot be 10.77.0.0/16") {
		t.Errorf("another network: %v", err)
	}
	answer, err := client.Get(ctx, "/ozymandias.network/config")
	const want = `{"Network":"10.60.0.0/22","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":7703}}`
	if err != nil || len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != want {
		t.Errorf("flannel is told %v, %v, want %s", answer, err, want)
	}
	for _, foreign := range []string{"{", `{"Network":"10.60.0.0/22"}`, `{"Network":"10.60.0.0/22","SubnetLen":24,"Backend":{"Type":"udp"}}`} {
		if _, err := client.Put(ctx, "/ozymandias.network/config", foreign); err != nil {
			t.Fatal(err)
		}
		if _, err := agree(ctx, client, none); err == nil || !strings.Contains(err.Error(), foreign) {
			t.Errorf("with %s: %v", foreign, err)
		}
	}
	if _, err := client.Delete(ctx, "/ozymandias.network/config"); err != nil {
		t.Fatal(err)
	}
	if got, err := agree(ctx, client, none); got != DefaultPods || err != nil {
		t.Errorf("agree(nothing) = %v, %v", got, err)
	}
}

// How networks are shared out.
func TestParts(t *testing.T) {
	for _, c := range []struct{ network, first, nameserver, pods string }{
		{"10.77.0.0/16", "10.77.2.0/23", "10.77.2.1", "10.77.3.0/24"},
		{"10.0.0.0/8", "10.0.2.0/23", "10.0.2.1", "10.0.3.0/24"},
		{"192.168.252.0/22", "192.168.253.0/24", "192.168.253.1", "192.168.253.128/25"},
		{"10.77.0.128/25", "10.77.0.160/27", "10.77.0.161", "10.77.0.176/28"},
	} {
		p := part{prefix: first(netip.MustParsePrefix(c.network))}
		if p.prefix.String() != c.first || p.nameserver().String() != c.nameserver || p.pods().String() != c.pods {
			t.Errorf("%s: the first part is %s with nameserver %s and pods %s, want %v", c.network, p.prefix, p.nameserver(), p.pods(), c)
		}
	}
}

// What flannel writes is understood, and what it is given goes through its hands unharmed.
func TestParse(t *testing.T) {
	got, err := parse("FLANNEL_NETWORK=10.77.0.0/16\nFLANNEL_SUBNET=10.77.4.1/23\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n")
	if want := (part{netip.MustParsePrefix("10.77.4.0/23"), 1450}); got != want || err != nil {
		t.Errorf("parse() = %v, %v, want %v", got, err, want)
	}
	for _, broken := range []string{"FLANNEL_SUBNET=10.77.4.1", "FLANNEL_SUBNET=10.77.4.1/23\nFLANNEL_MTU=many"} {
		if got, err := parse(broken); err == nil {
			t.Errorf("parse(%q) = %v", broken, got)
		}
	}
	o := Options{Dir: t.TempDir()}
	if got, err := o.read(); got != (part{}) || err != nil {
		t.Errorf("without a file: %v, %v", got, err)
	}
	if err := o.wish(got); err != nil {
		t.Fatal(err)
	}
	if again, err := o.read(); again != (part{prefix: got.prefix}) || err != nil {
		t.Errorf("it was wished for %v, and read is %v, %v", got, again, err)
	}
}

// What a node cannot have is said before anything is done.
func TestCheck(t *testing.T) {
	good := Options{Pods: DefaultPods, Address: netip.MustParseAddr("10.0.0.1"), Bridge: "ozymandias0"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Options){
		"pods cannot be 10.77.0.0/26":         func(o *Options) { o.Pods = netip.MustParsePrefix("10.77.0.0/26") },
		"pods cannot be 10.0.0.0/7":           func(o *Options) { o.Pods = netip.MustParsePrefix("10.0.0.0/7") },
		"pods cannot be 10.77.1.0/16":         func(o *Options) { o.Pods = netip.MustParsePrefix("10.77.1.0/16") },
		"pods cannot be fd00::/16":            func(o *Options) { o.Pods = netip.MustParsePrefix("fd00::/16") },
		"node cannot be fd00::1":              func(o *Options) { o.Address = netip.MustParseAddr("fd00::1") },
		"node cannot be invalid IP":           func(o *Options) { o.Address = netip.Addr{} },
		"cannot be named interface-of-pods: ": func(o *Options) { o.Bridge = "interface-of-pods" },
	} {
		o := good
		change(&o)
		if err := o.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("check() = %v, want %s", err, want)
		}
	}
}
