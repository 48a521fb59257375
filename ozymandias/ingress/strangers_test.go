package ingress_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/test/address"
)

// asked counts how often etcd is asked for challenges, and how often without an end to that.
type asked struct {
	clientv3.KV
	times, endless atomic.Int64
}

func (a *asked) Get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	if strings.Contains(key, "challenge") {
		a.times.Add(1)
		if _, ends := ctx.Deadline(); !ends {
			a.endless.Add(1)
		}
	}
	return a.KV.Get(ctx, key, options...)
}

// Nobody outside can keep etcd busy by asking for challenges, neither by HTTP nor by TLS, be it of hosts that no job has or of one that a
// certificate is to be had for; nor does anybody wait for it for ever.
func TestChallengesOfStrangers(t *testing.T) {
	t.Parallel()
	// The challenges under way are certmagic's, of the whole process: no other test gets a certificate for this host meanwhile.
	const host = "strangers.example"
	etcd := etcdtest.Start(t)
	counting := &asked{KV: etcd.Direct.KV}
	etcd.Direct.KV = counting
	n := start(t, ingress.Options{ACME: &ingress.ACME{Directory: "https://" + address.Free(t) + "/dir", Etcd: etcd.Direct, Encrypt: flip, Decrypt: flip}},
		secured(job.TLS{ACME: true}, host))
	byHTTP := func(code int) func(string) {
		return func(host string) { n.wants(t, code, "", http.MethodGet, host+"/.well-known/acme-challenge/x", "") }
	}
	byTLS := func(host string) {
		c, err := tls.Dial("tcp", n.https, &tls.Config{ServerName: host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
		if err == nil {
			c.Close()
			t.Errorf("it has a certificate for %s", host)
		}
	}
	unknown := func(i int64) string { return fmt.Sprintf("x%d.example", i) }
	known := func(int64) string { return host }
	for _, c := range []struct {
		name string
		show func(host string)
		host func(int64) string
	}{
		{"http-01 of many", byHTTP(http.StatusNotFound), unknown},
		{"tls-alpn-01 of many", byTLS, unknown},
		{"http-01 of one", byHTTP(http.StatusPermanentRedirect), known},
		{"tls-alpn-01 of one", byTLS, known},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin, before, shown := time.Now(), counting.times.Load(), int64(0)
			asked := func() int64 { return counting.times.Load() - before }
			for shown < asked()+20 {
				if shown > 1000 {
					t.Fatal("there is no limit")
				}
				// Several at once, or else a slow machine would show no more than is allowed.
				var all sync.WaitGroup
				for range 8 {
					host := c.host(shown)
					all.Go(func() { c.show(host) })
					shown++
				}
				all.Wait()
			}
			if most := 50 + 10*int64(time.Since(begin)/time.Second+1); asked() > most {
				t.Errorf("etcd was asked %d times for %d challenges", asked(), shown)
			}
			if counting.endless.Load() > 0 {
				t.Errorf("%d times it may wait for ever", counting.endless.Load())
			}
		})
	}
	before := counting.times.Load()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := tls.DialWithDialer(&from, "tcp", n.https, &tls.Config{ServerName: host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err == nil {
		c.Close()
	}
	if counting.times.Load() == before {
		t.Error("who comes from elsewhere is not listened to either")
	}
}
