package ingress_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
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

// Nobody outside can keep etcd busy by asking for challenges of hosts that no job has, neither by HTTP nor by TLS; nor does anybody wait for it
// for ever.
func TestChallengesForUnknownHosts(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	counting := &asked{KV: etcd.Direct.KV}
	etcd.Direct.KV = counting
	n := start(t, ingress.Options{ACME: &ingress.ACME{Directory: "https://" + free(t) + "/dir", Etcd: etcd.Direct, Encrypt: flip, Decrypt: flip}}, routes.Table{})
	for name, show := range map[string]func(host string){
		"http-01": func(host string) {
			n.wants(t, http.StatusNotFound, "", http.MethodGet, host+"/.well-known/acme-challenge/x", "")
		},
		"tls-alpn-01": func(host string) {
			c, err := tls.Dial("tcp", n.https, &tls.Config{ServerName: host, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
			if err == nil {
				c.Close()
				t.Errorf("it has a certificate for %s", host)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			begin, before, shown := time.Now(), counting.times.Load(), int64(0)
			asked := func() int64 { return counting.times.Load() - before }
			for ; shown < asked()+20; shown++ {
				if shown > 1000 {
					t.Fatal("there is no limit")
				}
				show(fmt.Sprintf("x%d.example", shown))
			}
			if most := 50 + 20*int64(time.Since(begin)/time.Second+1); asked() > most {
				t.Errorf("etcd was asked %d times for %d challenges", asked(), shown)
			}
			if counting.endless.Load() > 0 {
				t.Errorf("%d times it may wait for ever", counting.endless.Load())
			}
		})
	}
}
