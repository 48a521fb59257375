package ingress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

const (
	// readSecretsEvery is how soon a certificate that was put in the place of another one is served.
	readSecretsEvery = 15 * time.Second
	// expiresSoon is how long before its end a given certificate is complained of. Those by ACME are renewed long before.
	expiresSoon = 7 * 24 * time.Hour
)

// certificate is the one that a client gets to see. A handshake without one fails, saying that the name is not known.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := routes.Host(hello.ServerName)
	site, known := s.table.Load().Hosts[host]
	if slices.Equal(hello.SupportedProtos, []string{challengeProtocol}) {
		if s.acme != nil && s.mayBeChallenged(host, hello.Conn.RemoteAddr().String()) {
			return s.acme.config.GetCertificate(hello)
		}
		return nil, nil
	}
	switch {
	case !known || site.TLS == nil:
		return nil, nil
	case site.TLS.ACME && s.acme != nil:
		return s.acme.config.GetCertificate(hello)
	}
	return s.secrets.certificate(host), nil
}

// keepCertificates has the certificates that the table asks for, as it is at the time, until ctx ends.
func (s *Server) keepCertificates(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	if s.acme != nil {
		all.Go(func() { s.acme.clean(ctx) })
	}
	managed := map[string]context.CancelFunc{}
	again := time.NewTicker(readSecretsEvery)
	defer again.Stop()
	for {
		hosts := s.table.Load().Hosts
		s.secrets.read(ctx, hosts, s.options.Secret, &s.trouble)
		s.manage(ctx, hosts, managed, &all)
		select {
		case <-ctx.Done():
			return
		case <-s.hostsChanged:
		case <-again.C:
		}
	}
}

// manage begins to have certificates by ACME for the hosts that are new, and ends it for those that are gone.
func (s *Server) manage(ctx context.Context, hosts map[string]routes.Site, managed map[string]context.CancelFunc, all *sync.WaitGroup) {
	wanted := func(host string) bool { return hosts[host].TLS != nil && hosts[host].TLS.ACME }
	for host, end := range managed {
		if !wanted(host) {
			end()
			delete(managed, host)
		}
	}
	for host := range hosts {
		if !wanted(host) || managed[host] != nil {
			continue
		}
		if s.acme == nil {
			managed[host] = func() { s.trouble.clear("certificate " + host) }
			s.trouble.set("certificate "+host, schedule.IngressProblem{Host: host, Text: "no certificate for " + host +
				": there is no ACME authority: start all nodes with --acme-email, or give a certificate in a secret"})
			continue
		}
		own, end := context.WithCancel(ctx)
		managed[host] = end
		all.Go(func() { s.acme.manage(own, host) })
	}
}

// given are the certificates in secrets, by host.
type given struct {
	now atomic.Pointer[map[string]*tls.Certificate]
	// For read alone: what it read last, by name, and for which hosts.
	last  map[string]secret
	hosts map[string]bool
}

// A secret is one with a certificate, as it was last read.
type secret struct {
	value       []byte
	certificate *tls.Certificate
}

func (g *given) certificate(host string) *tls.Certificate {
	if now := g.now.Load(); now != nil {
		return (*now)[host]
	}
	return nil
}

// read reads the secrets that hosts take their certificates from. One that cannot be read, or has none in it any more, leaves what it
// had before in use, and is told.
func (g *given) read(ctx context.Context, hosts map[string]routes.Site, get func(context.Context, string) ([]byte, error), trouble *troubles) {
	now, last, served := map[string]*tls.Certificate{}, map[string]secret{}, map[string]bool{}
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		settings := hosts[host].TLS
		if settings == nil || settings.Secret == "" {
			continue
		}
		about := "secret for " + host
		served[host] = true
		s, why := last[settings.Secret], error(nil)
		if s.certificate == nil {
			s, why = g.last[settings.Secret].renewed(ctx, settings, get)
			last[settings.Secret] = s
		}
		if why == nil {
			why = fits(s.certificate, host)
		}
		if why != nil {
			trouble.set(about, schedule.IngressProblem{Host: host, Text: fmt.Sprintf("the certificate for %s in the secret %s: %v", host, settings.Secret, why)})
		} else {
			trouble.clear(about)
		}
		if s.certificate != nil {
			now[host] = s.certificate
		}
	}
	for host := range g.hosts {
		if !served[host] {
			trouble.clear("secret for " + host)
		}
	}
	g.last, g.hosts = last, served
	g.now.Store(&now)
}

// renewed is the secret as it is now; as it was, if that is of no use.
func (s secret) renewed(ctx context.Context, settings *job.TLS, get func(context.Context, string) ([]byte, error)) (secret, error) {
	if get == nil {
		return s, errors.New("this node cannot read secrets")
	}
	ctx, enough := context.WithTimeout(ctx, readSecretsEvery)
	defer enough()
	value, err := get(ctx, settings.Secret)
	if err != nil {
		return s, err
	}
	if s.certificate != nil && bytes.Equal(value, s.value) { // one that was not read yet is empty, too
		return s, nil
	}
	c, err := tls.X509KeyPair(value, value)
	if err != nil {
		return s, fmt.Errorf("%w; it should have the chain and the key, in PEM", err)
	}
	return secret{value, &c}, nil
}

// fits says what is wrong with a certificate for a host.
func fits(c *tls.Certificate, host string) error {
	if err := c.Leaf.VerifyHostname(host); err != nil {
		return fmt.Errorf("it is for %s only", strings.Join(c.Leaf.DNSNames, ", "))
	}
	if end := c.Leaf.NotAfter; time.Until(end) < expiresSoon {
		return fmt.Errorf("it is good until %s only; put a new one into the secret", end.UTC().Format(time.DateTime))
	}
	return nil
}
