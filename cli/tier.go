package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"teamtask.dev/client"
	"teamtask.dev/server"
)

// tierPatience is how long a tier keeps its workers' completions back while its upstream cannot be reached.
const tierPatience = time.Minute

// upstreamOptions say of which list at which server this one is a tier.
type upstreamOptions struct {
	url, list        string
	token, tokenFile string
}

func (u *upstreamOptions) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&u.url, "upstream", "", "be a tier of the List server at this URL: claim large blocks there, share them out in small ones")
	f.StringVar(&u.list, "upstream-list", "", "the worklist to share out")
	f.StringVar(&u.token, "upstream-token", "", "the upstream's token (default $TEAMTASK_UPSTREAM_TOKEN)")
	f.StringVar(&u.tokenFile, "upstream-token-file", "", "file with the upstream's token, read for each call (default $TEAMTASK_UPSTREAM_TOKEN_FILE)")
	cmd.MarkFlagsMutuallyExclusive("upstream-token", "upstream-token-file")
	for _, other := range []string{"etcd-endpoints", "takeover-after", "no-sync", "url"} {
		cmd.MarkFlagsMutuallyExclusive("upstream", other)
	}
}

// dataDir is where a tier keeps its token.
func (u *upstreamOptions) dataDir() string {
	return filepath.Join(xdg.DataHome, "teamtask", "tiers", u.list)
}

// serveTier runs a tier until ctx ends.
func serveTier(cmd *cobra.Command, g *global, o *serveOptions, listener net.Listener, log *slog.Logger) error {
	at, err := serverURL("--upstream", o.upstream.url)
	if err != nil {
		return err
	}
	c := client.New(at.String(), "")
	defer c.Close()
	c.Token, c.TokenFile = credential(o.upstream.token, o.upstream.tokenFile, "TEAMTASK_UPSTREAM_TOKEN")
	c.Patience = tierPatience
	token, err := c.Bearer()
	if err != nil {
		return fmt.Errorf("--upstream-token-file: %w", err)
	}
	if token == "" {
		return errors.New("--upstream-token: is missing; give it, or set TEAMTASK_UPSTREAM_TOKEN: it is in the file `token` in the upstream's data directory")
	}
	if !cmd.Flags().Changed("data-dir") {
		o.dataDir = o.upstream.dataDir()
	}
	// Its own token is one that it made: it must be good for nothing but work, whatever the environment says.
	own, err := written(tokenFile(o.dataDir))
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	if own == token {
		own = ""
	}
	tier, err := server.NewTier(cmd.Context(), server.TierOptions{Upstream: c, List: o.upstream.list, Name: "tier-" + client.WorkerName(),
		Token: own, Log: log, URL: at, UpstreamToken: c.Bearer})
	if err != nil {
		return fmt.Errorf("--upstream %s: %w", strings.TrimSuffix(at.String(), "/"), err)
	}
	if err := o.announce(tier.Token()); err != nil {
		return err
	}
	log.Info("serving as a tier", "url", o.url, "upstream", at.String(), "worklist", o.upstream.list, "token", tokenFile(o.dataDir))
	return serveHTTP(cmd.Context(), tier, nil, listener, log)
}
