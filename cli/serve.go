package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
	"teamtask.dev/server"
	"teamtask.dev/store"
)

type serveOptions struct {
	listen      string
	dataDir     string
	endpoints   []string
	prefix      string
	etcdTLS     transport.TLSInfo
	etcdUser    string
	url         string
	leaseTTL    time.Duration
	certificate string
	key         string
	noSync      bool
	upstream    upstreamOptions
	gateway     gatewayOptions
}

func serveCommand(g *global) *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a List server",
		Long: `Run a List server: it keeps worklists and hands out their blocks,
and swarms, whose workloads it shares out among the workers that join.

Without further flags it is one process with its data in one directory (an etcd is embedded in
it) and answers this machine only. Its token is made on the first start and kept in the file
"token" of the data directory; commands on this machine find it there. On other machines set
TEAMTASK_SERVER and TEAMTASK_TOKEN.

With --etcd-endpoints it keeps nothing itself: several servers on one etcd share the lists, any
of them answers for every list, and when one is lost the others take its lists over.

With --upstream it is a tier: it claims large blocks of one list at another List server and
shares them out in small ones, so that many workers cost the other server little. It stores
nothing; when it is lost, what it had in hand goes out again.

With --kubernetes it is a tier of every Worklist in a cluster: workers that should not touch the
Kubernetes API, or are too many for it, work through it. They bring a token that the cluster
knows, or an OpenID provider, and may do what their own rights allow.`,
		Example: `  teamtask serve
  teamtask serve --listen :7070 --tls-cert cert.pem --tls-key key.pem
  teamtask serve --etcd-endpoints http://etcd-1:2379,http://etcd-2:2379 --url http://host-1:7070
  teamtask serve --upstream https://main:7070 --upstream-list primes
  teamtask serve --kubernetes --namespace batch --listen :7070`,
		Args: cmdline.Arguments(0, 0), PreRunE: checkFlags,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), g, o, cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:7070", "address to listen on; :7070 for all of the machine's addresses")
	f.StringVar(&o.dataDir, "data-dir", defaultDataDir(), "directory for the data and the token")
	f.StringSliceVar(&o.endpoints, "etcd-endpoints", nil, "keep the data in this etcd cluster instead")
	f.StringVar(&o.prefix, "etcd-prefix", store.DefaultPrefix, "keep it under this prefix")
	f.StringVar(&o.etcdTLS.TrustedCAFile, "etcd-cacert", "", "certificate of the authority that signed etcd's (PEM)")
	f.StringVar(&o.etcdTLS.CertFile, "etcd-cert", "", "certificate file (PEM) to show to etcd")
	f.StringVar(&o.etcdTLS.KeyFile, "etcd-key", "", "its key file (PEM)")
	f.StringVar(&o.etcdUser, "etcd-user", "", "USER:PASSWORD for etcd (default $ETCDCTL_USER)")
	f.StringVar(&o.url, "url", "", "where other servers on the same etcd reach this one (default from --listen)")
	f.DurationVar(&o.leaseTTL, "takeover-after", 5*time.Second, "how long after this server is lost others take its lists over")
	f.StringVar(&o.certificate, "tls-cert", "", "certificate file (PEM) for https")
	f.StringVar(&o.key, "tls-key", "", "key file (PEM) for https")
	f.BoolVar(&o.noSync, "no-sync", false, "do not wait for the disk: a crash of the machine loses what was acknowledged; for measurements")
	f.MarkHidden("no-sync")
	o.upstream.addTo(cmd)
	o.gateway.addTo(cmd)
	return cmd
}

// needs are flags and those that they need. Without these they would be passed over, and who sets them believes that they hold.
var needs = [][2]string{
	{"upstream", "upstream-list"}, {"upstream-list", "upstream"}, {"upstream-token", "upstream"}, {"upstream-token-file", "upstream"},
	{"tls-cert", "tls-key"}, {"tls-key", "tls-cert"}, {"etcd-cert", "etcd-key"}, {"etcd-key", "etcd-cert"},
	{"namespace", "kubernetes"}, {"kubeconfig", "kubernetes"}, {"context", "kubernetes"},
	{"oidc-issuer-url", "kubernetes"}, {"oidc-issuer-url", "oidc-client-id"}, {"oidc-client-id", "oidc-issuer-url"}, {"oidc-ca-file", "oidc-issuer-url"},
	{"oidc-username-claim", "oidc-issuer-url"}, {"oidc-username-prefix", "oidc-issuer-url"}, {"oidc-groups-claim", "oidc-issuer-url"},
	{"oidc-groups-prefix", "oidc-issuer-url"},
}

// checkFlags refuses flags without those they need, or with one that leaves them without a meaning.
func checkFlags(cmd *cobra.Command, _ []string) error {
	f := cmd.Flags()
	for _, pair := range needs {
		if f.Changed(pair[0]) && !f.Changed(pair[1]) {
			return fmt.Errorf("--%s needs --%s", pair[0], pair[1])
		}
	}
	for _, name := range []string{"token", "token-file"} {
		if f.Changed("kubernetes") && f.Changed(name) {
			return fmt.Errorf("--%s has no meaning with --kubernetes: callers show tokens of their own", name)
		}
	}
	return nil
}

func serve(ctx context.Context, g *global, o *serveOptions, cmd *cobra.Command) error {
	log, err := g.log(cmd.ErrOrStderr(), slog.LevelInfo)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close()
	if o.certificate != "" {
		pair, err := openKeyPair(o.certificate, o.key, log)
		if err != nil {
			return fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		listener = tls.NewListener(listener, &tls.Config{GetCertificate: pair.get, NextProtos: []string{"h2", "http/1.1"}})
	}
	if o.url == "" {
		o.url = urlOf(listener.Addr(), o.certificate != "")
	}
	if o.gateway.on {
		return serveGateway(cmd, o, listener, log)
	}
	if o.upstream.url != "" {
		return serveTier(cmd, g, o, listener, log)
	}
	etcd, err := o.etcdConfig()
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, store.Options{Dir: o.dataDir, Endpoints: o.endpoints, Prefix: o.prefix, URL: o.url,
		LeaseTTL: o.leaseTTL, NoSync: o.noSync, Config: etcd, Log: log})
	if err != nil {
		return err
	}
	defer st.Close()
	var own client.Client
	own.Token, own.TokenFile = g.credential()
	token, err := own.Bearer()
	if err != nil {
		return fmt.Errorf("--token-file: %w", err)
	}
	srv, err := server.New(ctx, server.Options{Store: st, Log: log, Token: token})
	if err != nil {
		return err
	}
	if err := o.announce(srv.Token()); err != nil {
		return err
	}
	log.Info("serving", "url", o.url, "token", tokenFile(o.dataDir), "data", firstOf(strings.Join(o.endpoints, ","), o.dataDir))
	return serveHTTP(ctx, srv, srv.Lost(), listener, log)
}

// announce writes the token and the URL into files where commands on this machine find them.
func (o *serveOptions) announce(token string) error {
	if err := writePrivate(tokenFile(o.dataDir), token+"\n"); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}
	if err := writePrivate(urlFile(o.dataDir), o.url+"\n"); err != nil {
		return fmt.Errorf("write the URL: %w", err)
	}
	return nil
}

// etcdConfig is how the user's own etcd is spoken to.
func (o *serveOptions) etcdConfig() (c clientv3.Config, err error) {
	if user := firstOf(o.etcdUser, os.Getenv("ETCDCTL_USER")); user != "" {
		var ok bool
		if c.Username, c.Password, ok = strings.Cut(user, ":"); !ok {
			return c, errors.New("--etcd-user: must be USER:PASSWORD")
		}
	}
	if !o.etcdTLS.Empty() || o.etcdTLS.TrustedCAFile != "" {
		if c.TLS, err = o.etcdTLS.ClientConfig(); err != nil {
			return c, fmt.Errorf("--etcd-cacert, --etcd-cert, --etcd-key: %w", err)
		}
	}
	return c, nil
}

// service is a List server, or a tier.
type service interface {
	Handler() http.Handler
	Close(context.Context) error
}

// What a client may take of a server before anybody knows who it is. Answers have no bound: claims wait, and events go on.
const (
	longestRead = time.Minute     // for a call to come in
	longestIdle = 2 * time.Minute // between calls: Go's clients give a connection up after 90 s
	mostHeader  = 128 << 10       // bytes: a token with the groups of its user in it has some thousands
)

// serveHTTP answers on the listener until ctx ends, or lost is closed, then closes the server in order. A service that has no session
// to lose has no lost: nil.
func serveHTTP(ctx context.Context, srv service, lost <-chan struct{}, listener net.Listener, log *slog.Logger) error {
	web := &http.Server{Handler: srv.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: longestRead, IdleTimeout: longestIdle,
		MaxHeaderBytes: mostHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	var err error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case <-lost:
		err = errors.New("the session in etcd was lost; start the server again")
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, srv.Close(end)) // refuses the calls that wait, so that the next step need not
	if web.Shutdown(end) != nil {
		web.Close()
	}
	return err
}

func urlOf(addr net.Addr, https bool) string {
	scheme := "http"
	if https {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// writePrivate writes a file that only its owner can read, whole or not at all.
func writePrivate(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return writeWhole(name, 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
}
