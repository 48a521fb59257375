// Guest is what runs in the instances of tests and benchmarks. It answers HTTP on port 8080, and ends by SIGTERM, with what it has begun
// answered, unless DEAF is set:
//
//	GET /             who it is, and where: JOB-ID NODE VERSION
//	GET /healthcheck  whether it is well
//	POST /unwell      be unwell; the answer comes with the first check that fails: its time, in nanoseconds since 1970
//	GET /gone?name=NAME&address=ADDRESS
//	                  look the name up until the address is not among its addresses; the time, likewise
//
// A test asks by the same program, from where an instance is:
//
//	guest ask NAMESERVER NAME
//
// looks a name up, and prints who answers at each of its addresses.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	err := serve
	if len(os.Args) == 4 && os.Args[1] == "ask" {
		err = func() error { return ask(os.Args[2], os.Args[3]) }
	}
	if err := err(); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if os.Getenv("DEAF") != "" {
		ctx = context.Background()
	}
	server := &http.Server{Addr: ":8080", Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}
