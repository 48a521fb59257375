package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/secrets"
)

func runNode(cmd *cobra.Command, o *options) error {
	s, err := o.check()
	if err != nil {
		return err
	}
	log, err := o.log.Logger(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if s.address, err = s.awaitAddress(ctx, log); err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(s.dataDir, 0o700), os.MkdirAll(s.runDir, 0o711)); err != nil {
		return fmt.Errorf("make the node's directories: %w", err)
	}
	if s.dataDir, err = filepath.Abs(s.dataDir); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	if s.runDir, err = filepath.Abs(s.runDir); err != nil {
		return fmt.Errorf("--run-dir: %w", err)
	}
	if err := unserved(client.Socket(s.runDir)); err != nil { // before anything of the machine's is touched
		return err
	}
	leave := func() bool { return errors.Is(context.Cause(ctx), cmdline.ErrInterrupt) }
	c, err := cluster.Open(ctx, cluster.Options{Name: s.name, Data: s.dataDir, Address: s.address, Join: s.join, Token: s.token,
		External: s.external(), Restore: s.restore, ForceNewCluster: s.forceNewCluster, Log: log.With("part", "cluster")})
	if err == nil {
		err = errors.Join(runCluster(ctx, c, s, leave, log, cmd.OutOrStdout()), c.Close())
	}
	if errors.Is(err, cluster.ErrForgotten) {
		err = errors.Join(err, endForgotten(ctx, groupOf(s.name, s.dataDir), log))
	}
	return err
}

// endForgotten ends what runs on a node that was deleted, which nothing else would end: instances that go on without a lease run elsewhere by now,
// too.
func endForgotten(ctx context.Context, own string, log *slog.Logger) error {
	group, err := cgroup.Find(own)
	if err != nil {
		return err
	}
	if running, err := group.Processes(); err != nil || len(running) == 0 {
		return err
	}
	log.Warn("what still runs here is ended, as this node was deleted from the cluster")
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer done()
	return endAll(ctx, func() {}, group)
}

// runCluster runs what is of the cluster for as long as the node needs it, which is a little longer than it is told to run.
func runCluster(ctx context.Context, c *cluster.Cluster, s settings, leave func() bool, log *slog.Logger, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	longer, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	ended := make(chan error, 1)
	go func() {
		err := c.Run(longer)
		cancel(err)
		ended <- err
	}()
	if err := greet(ctx, c, s, out); err != nil {
		log.Warn("cannot say how other machines join", "error", err)
	}
	p := parts{cluster: c, settings: s, leave: leave, log: log}
	err := p.run(ctx)
	end()
	return errors.Join(unlessTold(ctx, err), unlessTold(longer, <-ended))
}

// greet says how other machines join, once.
func greet(ctx context.Context, c *cluster.Cluster, s settings, out io.Writer) error {
	if !c.Founded() {
		return nil
	}
	way := "ozymandias node --join " + s.address.String()
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		token, err := c.Token(ctx)
		if err != nil {
			return err
		}
		way = joinTokenVariable + "=" + token + " " + way
	} else { // in a log a token would stay
		way += " --token-file FILE    # with what `ozymandias token join` prints here"
	}
	_, err := fmt.Fprintf(out, "This machine, %s, is the first node of a new cluster. On each other machine, as root:\n  %s\n", s.name, way)
	return err
}

// taken are the ports that the ingress listens on.
func (s *settings) taken() (ports []uint16) {
	for _, address := range []string{s.http, s.https} {
		_, port, _ := net.SplitHostPort(address) // it was checked
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}

func (s *settings) external() *program.Etcd {
	if len(s.etcd.Endpoints) == 0 {
		return nil
	}
	return &s.etcd
}

func (s *settings) vaultOptions(c *cluster.Cluster) (secrets.VaultOptions, error) {
	v := s.vault
	v.Certificate = c.Dial().GetClientCertificate
	var err error
	v.CA, err = pool("--vault-cacert", s.vaultCA)
	return v, err
}

func (s *settings) acme(c *cluster.Cluster, keeper *secrets.Store) (*ingress.ACME, error) {
	if s.acmeEmail == "" {
		return nil, nil
	}
	roots, err := pool("--acme-cacert", s.acmeCA)
	return &ingress.ACME{Email: s.acmeEmail, Directory: s.acmeDirectory, Roots: roots, Etcd: c.Client(),
		Encrypt: keeper.Encrypt, Decrypt: keeper.Decrypt}, err
}

// pool reads certificates of authorities; nil, which means the machine's, if there is no file.
func pool(flag, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s %s: there is no certificate in it (PEM)", flag, file)
	}
	return p, nil
}
