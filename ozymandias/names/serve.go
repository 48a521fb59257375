package names

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/program"
)

// Options of a server.
type Options struct {
	// Listen is the address whose port 53 answers; CoreDNS asks itself on ports 1053 and 1054 of it. IPv4.
	Listen netip.Addr
	// Etcd is for CoreDNS, Client for us.
	Etcd   program.Etcd
	Client *clientv3.Client
	// Dir is for its configuration, and for what etcd last said.
	Dir string
	// Resolv is the file that tells the nameservers of the machine. Empty: /etc/resolv.conf.
	Resolv string
	Log    *slog.Logger
}

// Serve runs CoreDNS until ctx ends. The error is of what cannot begin at all. When etcd is to be reached in another way, it has to be
// ended and begun anew.
func Serve(ctx context.Context, o Options) error {
	path, err := program.CoreDNS.Find()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("serve names: %w", err)
	}
	// CoreDNS complains if it is not there.
	known, err := os.OpenFile(o.hosts(), os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("serve names: %w", err)
	}
	if err := known.Close(); err != nil {
		return fmt.Errorf("serve names: %w", err)
	}
	if o.Resolv == "" {
		o.Resolv = "/etc/resolv.conf"
	}
	config := filepath.Join(o.Dir, "Corefile")
	coredns := program.Program{
		Path:   path,
		Args:   []string{"-conf", config, "-quiet"},
		Output: &program.Lines{Log: o.Log, Name: program.CoreDNS.Name, Bad: bad},
		Ended:  func(err error) { o.Log.Warn("names are not served for a moment", "error", err) },
	}
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() { o.follow(ctx) })
	for ctx.Err() == nil {
		upstream := o.upstream()
		if err := os.WriteFile(config, o.corefile(upstream), 0o644); err != nil {
			return fmt.Errorf("serve names: %w", err)
		}
		same, end := context.WithCancel(ctx)
		go func() {
			o.wait(same, upstream)
			end()
		}()
		program.Run(same, coredns)
		end()
	}
	return nil
}

// wait waits until the machine's nameservers are others, as when it has come into another network, or ctx ends.
func (o Options) wait(ctx context.Context, upstream []netip.Addr) {
	look := time.NewTicker(5 * time.Second)
	defer look.Stop()
	for slices.Equal(o.upstream(), upstream) {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// bad tells whether CoreDNS says that something is wrong: why it cannot start is said without a level. Its client of etcd writes JSON,
// of each attempt.
func bad(line []byte) bool {
	for _, usual := range []string{"[INFO]", "maxprocs:", "{"} {
		if bytes.HasPrefix(line, []byte(usual)) {
			return false
		}
	}
	return true
}
