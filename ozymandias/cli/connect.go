package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"teamtask.dev/ozymandias/client"
)

// DefaultRunDir is where the node's socket is, unless a flag or $OZYMANDIAS_RUN_DIR says so.
const DefaultRunDir = "/run/ozymandias"

// global is what the flags of every command say: which node is asked, and how.
type global struct {
	runDir, server, token, tokenFile, ca, certificate, key string
}

func (g *global) addTo(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&g.runDir, "run-dir", "", "run directory of the node on this machine (default $OZYMANDIAS_RUN_DIR, or "+DefaultRunDir+")")
	f.StringVarP(&g.server, "server", "s", "", "a node on another machine, https://HOST:7700 (default $OZYMANDIAS_SERVER, or the node on this machine)")
	f.StringVar(&g.token, "token", "", "token to show to it (default $OZYMANDIAS_TOKEN)")
	f.StringVar(&g.tokenFile, "token-file", "", "file with the token (default $OZYMANDIAS_TOKEN_FILE)")
	f.StringVar(&g.ca, "ca", "", "file with the certificate of the cluster's authority (default $OZYMANDIAS_CA)")
	f.StringVar(&g.certificate, "cert", "", "file with a client certificate to show (default $OZYMANDIAS_CERT)")
	f.StringVar(&g.key, "key", "", "file with its key (default $OZYMANDIAS_KEY)")
	root.MarkFlagsMutuallyExclusive("token", "token-file")
	root.MarkFlagsMutuallyExclusive("server", "run-dir")
}

// connect is a client of the node that flags, environment and defaults name.
func (g *global) connect() (*client.Client, error) {
	server := g.server
	if g.runDir == "" {
		server = cmp.Or(server, os.Getenv("OZYMANDIAS_SERVER"))
	}
	if server == "" {
		return client.Local(cmp.Or(g.runDir, os.Getenv("OZYMANDIAS_RUN_DIR"), DefaultRunDir)), nil
	}
	config, err := g.tls()
	if err != nil {
		return nil, err
	}
	c, err := client.Remote(server, config)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	c.Token = g.token
	file := g.tokenFile
	if c.Token == "" && file == "" {
		c.Token, file = os.Getenv("OZYMANDIAS_TOKEN"), os.Getenv("OZYMANDIAS_TOKEN_FILE")
	}
	if c.Token == "" && file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		c.Token = strings.TrimSpace(string(text))
	}
	return c, nil
}

// tls is whom to believe, and who we are.
func (g *global) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if file := cmp.Or(g.ca, os.Getenv("OZYMANDIAS_CA")); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca: %s has no certificate in PEM", file)
		}
	}
	certificate, key := cmp.Or(g.certificate, os.Getenv("OZYMANDIAS_CERT")), cmp.Or(g.key, os.Getenv("OZYMANDIAS_KEY"))
	if (certificate == "") != (key == "") {
		return nil, errors.New("--cert and --key go together")
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// withClient is a command's function that gets a client.
func (g *global) withClient(f func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := g.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		var warned sync.Once // and not for each of its calls
		c.Warn = func(text string) { warned.Do(func() { warn(cmd, []string{text}) }) }
		return unreached(f(cmd.Context(), c, cmd, args))
	}
}

// unreached says what to do where no node is reached.
func unreached(err error) error {
	var away *client.UnreachedError
	var unknown x509.UnknownAuthorityError
	switch {
	case !errors.As(err, &away):
		return err
	case errors.As(err, &unknown):
		return fmt.Errorf("%w; give the certificate of the cluster's authority by --ca", err)
	case strings.HasPrefix(away.Where, "https://"):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no node runs here (%s): start one by `ozymandias node`, or name one by --server", away.Where)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is for the administrator of this machine: try sudo, or name a node by --server and show it a token", away.Where)
	}
	return err
}
