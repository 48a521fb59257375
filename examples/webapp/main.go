// Command webapp is a web application in two containers, to be run by Ozymandias.
//
//	webapp serve    answers on port 3000: who it is, and how often it was asked
//	webapp db       counts for it on port 5432, in a file that is to outlive it
//	webapp get URL  asks once, as curl would
//	webapp load HOST ADDRESS...  asks again and again, at one address after the other, until it is told to end; then it tells what failed
//
// The containers of an instance share localhost, so that is where the one finds the other. When it is asked to end, the application
// ends what it has begun to answer first.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "", "address to listen on; default :3000 for serve, :5432 for db")
	dir := flag.String("dir", "/var/lib/db", "directory of db's file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, flag.Args(), *listen, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "webapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, listen, dir string) error {
	command := strings.Join(args[:min(1, len(args))], "")
	switch {
	case command == "get" && len(args) == 2:
		return get(ctx, args[1], os.Stdout)
	case command == "load" && len(args) > 2:
		return load(ctx, args[1], args[2:], os.Stdout)
	case command == "serve":
		return serve(ctx, orElse(listen, ":3000"), application(orElse(os.Getenv("DATABASE_URL"), "http://localhost:5432")))
	case command == "db":
		c := &counter{file: filepath.Join(dir, "count")}
		return serve(ctx, orElse(listen, ":5432"), c)
	}
	return errors.New("usage: webapp serve, webapp db, webapp get URL or webapp load HOST ADDRESS [ADDRESS]")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// serve answers requests until ctx ends, and those that have begun until they are done.
func serve(ctx context.Context, listen string, h http.Handler) error {
	server := &http.Server{Addr: listen, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answer is what the application says of itself.
type answer struct {
	Job      string `json:"job"`
	Instance string `json:"instance"`
	Node     string `json:"node"`
	Version  string `json:"version"`
	Asked    int64  `json:"asked"` // how often the instance was, as its database has it
}

// application answers who it is. It is well as long as its database is.
func application(database string) http.Handler {
	self := answer{Job: os.Getenv("OZYMANDIAS_JOB"), Instance: os.Getenv("OZYMANDIAS_INSTANCE"), Node: os.Getenv("OZYMANDIAS_NODE"), Version: orElse(os.Getenv("VERSION"), "1")}
	client := &http.Client{Timeout: 5 * time.Second}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		a := self
		var err error
		if a.Asked, err = ask(r.Context(), client, http.MethodPost, database); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a) // whoever asked is gone if this fails
	})
	mux.HandleFunc("GET /healthcheck", func(w http.ResponseWriter, r *http.Request) {
		if _, err := ask(r.Context(), client, http.MethodGet, database); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return mux
}

// ask asks the database for its count, which a POST raises first.
func ask(ctx context.Context, client *http.Client, method, database string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, method, database, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask the database: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if err != nil {
		return 0, fmt.Errorf("ask the database: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the database: %s", strings.TrimSpace(string(text)))
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// counter is the database: a number in a file.
type counter struct {
	mu   sync.Mutex
	file string
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := c.count(r.Method == http.MethodPost)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprint(w, n)
}

// count returns the number, raised by one if it is to be. The file is replaced, so that it is never half written.
func (c *counter) count(raise bool) (n int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := os.ReadFile(c.file)
	if err == nil {
		n, err = strconv.ParseInt(string(text), 10, 64)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("read the count: %w", err)
	}
	if !raise {
		return n, nil
	}
	n++
	if err := os.WriteFile(c.file+".new", strconv.AppendInt(nil, n, 10), 0o600); err != nil {
		return 0, fmt.Errorf("write the count: %w", err)
	}
	if err := os.Rename(c.file+".new", c.file); err != nil {
		return 0, fmt.Errorf("write the count: %w", err)
	}
	return n, nil
}
