// Guest is what runs in the instances of the tests of faults. It answers HTTP on port 8080 with who it is; SIGTERM ends it, unless
// DEAF is set.
//
//	guest ask NAMESERVER NAME
//
// is for the tests themselves: it looks a name up, and prints what each of its addresses answers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	server := &http.Server{Addr: ":8080", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, os.Getenv("OZYMANDIAS_JOB")+"-"+os.Getenv("OZYMANDIAS_INSTANCE"))
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return server.Shutdown(last)
	}
}

func ask(nameserver, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(nameserver, "53"))
	}}
	addresses, err := resolver.LookupHost(ctx, name)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	for _, address := range addresses {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(address, "8080"), nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
