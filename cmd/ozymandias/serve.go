package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/client"
)

// endWithin is how long each part has when the node ends: for answers that are under way, in the API and the ingress, and for unmounting volumes.
const endWithin = 5 * time.Second

// ears are where the API is asked: on the machine's socket, and by the other nodes and whoever else shows a certificate or a token.
type ears struct {
	socket     string
	local, far net.Listener
}

// listenAPI begins to listen. Whoever asks waits until there is an answer, or the ears are closed.
func listenAPI(s settings) (e ears, err error) {
	e.socket = client.Socket(s.runDir)
	if e.local, err = localListener(e.socket); err != nil {
		return e, err
	}
	if e.far, err = net.Listen("tcp", net.JoinHostPort(s.address.String(), strconv.Itoa(api.DefaultPort))); err != nil {
		e.close()
		return e, fmt.Errorf("listen for the API: %w; is another node running on this machine?", err)
	}
	return e, nil
}

// close ends it. A server may have closed its listener before.
func (e ears) close() {
	if e.far != nil {
		_ = e.far.Close()
	}
	_ = e.local.Close()
	_ = os.Remove(e.socket)
}

// serveAPI answers on the machine's socket, and to the other nodes and whoever else shows a certificate or a token.
func serveAPI(ctx context.Context, a *api.API, e ears, remote *tls.Config, log *slog.Logger) error {
	defer e.close()
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
			patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
			defer cancel()
			if err := server.Shutdown(patience); err != nil {
				return server.Close()
			}
			return nil
		})
	}
	serve(e.local, a.Local())
	serve(tls.NewListener(e.far, remote), a.Remote())
	return group.Wait()
}

// localListener listens on the machine's socket, in place of a node that was killed, but not of one that runs. Whoever may open it may do
// everything: so it gets its place only when nobody but root may.
func localListener(path string) (net.Listener, error) {
	if err := unserved(path); err != nil {
		return nil, err
	}
	fault := func(err error) (net.Listener, error) { return nil, fmt.Errorf("listen on this machine: %w", err) }
	aside, err := os.MkdirTemp(filepath.Dir(path), ".api-") // with mode 0700
	if err != nil {
		return fault(err)
	}
	defer os.RemoveAll(aside)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(aside, "s"), Net: "unix"})
	if err != nil {
		return fault(err)
	}
	l.SetUnlinkOnClose(false) // it has another name by then
	err = os.Chmod(l.Addr().String(), 0o600)
	if err == nil {
		err = os.Rename(l.Addr().String(), path)
	}
	if err != nil {
		return fault(errors.Join(err, l.Close()))
	}
	return l, nil
}

// unserved tells, by an error, if a node answers on the machine's socket.
func unserved(path string) error {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("another node runs on this machine and answers on %s: give this one another --run-dir, --data-dir and --name", path)
	}
	return nil
}
