// Command swarm-worker is a worker of k8s-swarm's kind, which knows nothing of Teamtask. Its jobs stand in the file config.yml of the
// directory CONFIG_PATH, under its host's name. It consumes each, so that a second consumer would not go unnoticed: it has a file
// in the directory TARGETS locked as long. It answers on port 9090 that it is well, and which version it runs.
//
//	worker [-reload]
//
// It reads the file once, or with -reload whenever it has changed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	reload := flag.Bool("reload", false, "read the file again when it has changed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *reload); err != nil {
		fmt.Fprintln(os.Stderr, "swarm-worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, reload bool) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	w := &worker{name: name, targets: os.Getenv("TARGETS"), held: map[string]*os.File{}}
	file := filepath.Join(os.Getenv("CONFIG_PATH"), "config.yml")
	if err := w.read(file); err != nil {
		return err
	}
	server := &http.Server{Addr: ":9090", Handler: w.routes()}
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	var look <-chan time.Time
	if reload {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return errors.Join(server.Close(), w.run(nil))
		case err := <-served:
			return err
		case <-look:
			if err := w.read(file); err != nil {
				return err
			}
		}
	}
}
