package ingress_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"teamtask.dev/ozymandias/ingress"
)

// What the ingress costs beside a bare ReverseProxy to one address, and beside no proxy at all.
func BenchmarkRequest(b *testing.B) {
	app := instance(b, says("hello"))
	bare := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: app}) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 256},
	})
	b.Cleanup(bare.Close)
	n := start(b, ingress.Options{}, to("a.example", app, instance(b, says("hello")), instance(b, says("hello"))))
	for _, way := range []struct{ name, address string }{
		{"direct", app}, {"ReverseProxy", bare.Listener.Addr().String()}, {"ingress", n.http},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for pb.Next() {
					r, _ := http.NewRequest("GET", "http://"+way.address+"/", nil)
					r.Host = "a.example"
					answer, err := client.Do(r)
					if err != nil {
						b.Fatal(err)
					}
					io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
					if answer.StatusCode != 200 {
						b.Fatal(answer.Status)
					}
				}
			})
		})
	}
}
