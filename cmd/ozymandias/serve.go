package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/client"
)

// within is how long answers that are under way may take when the node ends.
const within = 5 * time.Second

// serveAPI answers on the machine's socket, and to the other nodes and whoever else shows a certificate or a token.
func serveAPI(ctx context.Context, a *api.API, remote *tls.Config, s settings, log *slog.Logger) error {
	local, err := localListener(client.Socket(s.runDir))
	if err != nil {
		return err
	}
	defer local.Close()
	far, err := net.Listen("tcp", net.JoinHostPort(s.address.String(), strconv.Itoa(api.DefaultPort)))
	if err != nil {
		return fmt.Errorf("listen for the API: %w; is another node running on this machine?", err)
	}
	defer far.Close()
	remote = remote.Clone()
	remote.NextProtos = []string{"http/1.1"} // exec takes over the connection, which HTTP/2 does not let it

	group, ctx := errgroup.WithContext(ctx)
	serve := func(l net.Listener, h http.Handler) {
		server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			ErrorLog:    slog.NewLogLogger(log.With("part", "api").Handler(), slog.LevelDebug),
			BaseContext: func(net.Listener) context.Context { return ctx }} // ends what is followed
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve the API: %w", err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
			defer cancel()
			if err := server.Shutdown(patience); err != nil {
				return server.Close()
			}
			return nil
		})
	}
	serve(local, a.Local())
	serve(tls.NewListener(far, remote), a.Remote())
	return group.Wait()
}

// localListener listens on the machine's socket, in place of a node that was killed: the lock on the data directory says that no other runs.
func localListener(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen on this machine: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on this machine: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // whoever may open it may do everything
		return nil, errors.Join(fmt.Errorf("listen on this machine: %w", err), l.Close())
	}
	return l, nil
}
