package ingress_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/ingress"
)

// What a request costs by the ingress, beside what it is made of: a ReverseProxy that does nothing but pass requests on to one address, with
// connections and buffers that it uses again; the least that can be done by net/http's server and client; and no proxy at all. Client,
// proxy and instances share the processors.
func BenchmarkRequest(b *testing.B) {
	app := instance(b, says("hello"))
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	bare := instance(b, (&httputil.ReverseProxy{Transport: transport, BufferPool: &buffers{}, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", app
		r.SetXForwarded()
	}}).ServeHTTP)
	least := instance(b, func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host = "http", app
		answer, err := transport.RoundTrip(r)
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	})
	n := start(b, ingress.Options{}, to("a.example", app, instance(b, says("hello")), instance(b, says("hello"))))
	for _, way := range []struct{ name, address string }{{"direct", app}, {"least", least}, {"ReverseProxy", bare}, {"ingress", n.http}} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(8)
			before := processors(b)
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial("tcp", way.address)
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				for r := bufio.NewReader(c); pb.Next(); {
					io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: benchmark\r\n\r\n")
					answer, err := http.ReadResponse(r, nil)
					if err != nil || answer.StatusCode != 200 {
						b.Errorf("answer %v, %v", answer, err)
						return
					}
					io.Copy(io.Discard, answer.Body)
				}
			})
			b.ReportMetric(float64(processors(b)-before)/float64(b.N), "cpu-ns/op") // whatever else the machine does
		})
	}
}

// processors is the time that this process has had on them.
func processors(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return buffer[:]
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[32 << 10]byte)(buffer)) }
