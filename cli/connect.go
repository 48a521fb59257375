package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"teamtask.dev/client"
)

const defaultServer = "http://127.0.0.1:7070"

// defaultDataDir is where `serve` keeps its data and its token unless told otherwise.
func defaultDataDir() string { return filepath.Join(xdg.DataHome, "teamtask", "server") }

func tokenFile(dataDir string) string { return filepath.Join(dataDir, "token") }

func urlFile(dataDir string) string { return filepath.Join(dataDir, "url") }

// written is what the server on this machine wrote into a file; "" if there is none.
func written(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// connect is a client of the server that flags, environment and defaults name.
func (g *global) connect() (*client.Client, error) {
	here, err := written(urlFile(defaultDataDir()))
	if err != nil {
		return nil, err
	}
	server := firstOf(g.server, os.Getenv("TEAMTASK_SERVER"), here, defaultServer)
	if _, err := serverURL("--server", server); err != nil {
		return nil, err
	}
	c := client.New(server, "")
	c.Token, c.TokenFile = g.credential()
	if c.Token == "" && c.TokenFile == "" {
		if c.Token, err = written(tokenFile(defaultDataDir())); err != nil {
			return nil, err
		}
	}
	if _, err := c.Bearer(); err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	c.Patience = 3 * time.Second // somebody waits
	return c, nil
}

// credential is the token that calls are to bring, or the file that it is in.
func (g *global) credential() (token, file string) {
	return credential(g.token, g.tokenFile, "TEAMTASK_TOKEN")
}

// credential is a token or the file that it is in, by flags or else by environment variables.
func credential(token, file, variable string) (string, string) {
	if token == "" && file == "" {
		token = os.Getenv(variable)
	}
	if token == "" && file == "" {
		file = os.Getenv(variable + "_FILE")
	}
	return token, file
}

// serverURL reads the URL of a server that a flag names.
func serverURL(flag, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s %s: must be a URL such as http://host:7070", flag, text)
	}
	return u, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// withClient is a command's function that gets a client.
func (g *global) withClient(f func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := g.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		return unreached(f(cmd.Context(), c, cmd, args))
	}
}

// unreached adds what to do where there is no server.
func unreached(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w; start a server with \"teamtask serve\", or set TEAMTASK_SERVER", err)
	}
	return err
}
