package ingress

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/strangers"
)

// challengeProtocol is what an authority asks for to see who has a host: RFC 8737, 6.2.
const challengeProtocol = "acme-tls/1"

// ACME is where certificates come from, the same on all nodes.
type ACME struct {
	// Directory is the authority's URL. Default: Let's Encrypt's.
	Directory string
	// Email is whom the authority writes to. Default: nobody.
	Email string
	// Roots are who vouches for the authority itself. Default: those of the system.
	Roots *x509.CertPool

	// Etcd has account, certificates and challenges, which all nodes share.
	Etcd *clientv3.Client
	// Encrypt and Decrypt keep what is stored from whoever can read etcd: private keys are in it.
	Encrypt, Decrypt func([]byte) ([]byte, error)
}

// An authority gets certificates and renews them.
type authority struct {
	config    *certmagic.Config
	cache     *certmagic.Cache // its [certmagic.Cache.Stop] ends renewing
	issuer    *certmagic.ACMEIssuer
	storage   storage
	trouble   *troubles
	strangers *strangers.Limiter
}

// challenges are how many are looked up that another node may have been given by the authority, if it is the authority that asks. It asks for a
// certificate from a handful of places, each of them once or twice; for many hosts at once if there are many new ones.
var challenges = strangers.Limits{Each: 10, EachAtOnce: 50, All: 200, AllAtOnce: 200}

func newAuthority(o Options, trouble *troubles) *authority {
	a := &authority{storage: newStorage(o.ACME), trouble: trouble, strangers: strangers.New(challenges)}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil }, Logger: zap.NewNop(),
	})
	a.config = certmagic.New(a.cache, certmagic.Config{Storage: a.storage, DisableStorageCheck: true, Logger: zap.NewNop(), OnEvent: a.took})
	host, _, _ := net.SplitHostPort(o.HTTP)
	a.issuer = certmagic.NewACMEIssuer(a.config, certmagic.ACMEIssuer{
		CA: o.ACME.Directory, Email: o.ACME.Email, Agreed: true, TrustedRoots: o.ACME.Roots, Logger: zap.NewNop(),
		// Where challenges come in. We listen there: certmagic sees that and leaves it to us.
		ListenHost: host, AltHTTPPort: port(o.HTTP), AltTLSALPNPort: port(o.HTTPS),
	})
	a.config.Issuers = []certmagic.Issuer{issuer{a.issuer, a}}
	return a
}

// lookEvery is how often a node that has no certificate for a host looks whether another one got it meanwhile, or whether it is time
// to try again.
const lookEvery = 15 * time.Second

// manage has a certificate for a host, until ctx ends.
func (a *authority) manage(ctx context.Context, host string) {
	defer a.trouble.clear("certificate " + host)
	defer a.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: host}})
	for {
		err := a.config.ManageSync(ctx, []string{host})
		if err == nil {
			<-ctx.Done() // from here on the cache renews it
			return
		}
		if ctx.Err() == nil {
			a.failed(host, err)
		}
		if !wait(ctx, lookEvery) {
			return
		}
	}
}

func (a *authority) failed(host string, err error) {
	var past failures
	if errors.As(err, &past) { // in however many words certmagic says so
		err = past
	}
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	a.trouble.set("certificate "+host, schedule.IngressProblem{Host: host, Text: fmt.Sprintf("no new certificate for %s: %s", host, text)})
}

// took takes in that a certificate is there, whichever node got it.
func (a *authority) took(_ context.Context, event string, data map[string]any) error {
	if event == "cached_managed_cert" {
		for _, host := range data["sans"].([]string) {
			a.trouble.clear("certificate " + host)
		}
	}
	return nil
}

// clean deletes certificates that have expired a month ago, once a day on one of the nodes.
func (a *authority) clean(ctx context.Context) {
	for {
		// What fails is tried again tomorrow; nothing depends on it.
		certmagic.CleanStorage(ctx, a.storage, certmagic.CleanStorageOptions{Logger: zap.NewNop(), Interval: 24 * time.Hour,
			OCSPStaples: true, ExpiredCerts: true, ExpiredCertGracePeriod: 30 * 24 * time.Hour})
		if !wait(ctx, 24*time.Hour) {
			return
		}
	}
}

// challenge answers the authority if that is who asks.
func (s *Server) challenge(w http.ResponseWriter, r *http.Request, host string) bool {
	return s.acme != nil && certmagic.LooksLikeHTTPChallenge(r) && s.mayBeChallenged(host, r.RemoteAddr) && s.acme.issuer.HandleHTTPChallenge(w, r)
}

// mayBeChallenged tells whether a host may just be getting a certificate. What this process asked for itself it has at hand; what another node
// did is a question to etcd, also for hosts that this node does not know, as the other one may have heard of a job a moment earlier.
func (s *Server) mayBeChallenged(host, from string) bool {
	if site, known := s.table.Load().Hosts[host]; host == "" || known && (site.TLS == nil || !site.TLS.ACME) {
		return false
	}
	_, ours := certmagic.GetACMEChallenge(host)
	return ours || s.acme.strangers.Admit(from, time.Now())
}

// An issuer asks the authority, but no more often than that allows.
type issuer struct {
	*certmagic.ACMEIssuer
	authority *authority
}

// PreCheck never asks on the terminal.
func (i issuer) PreCheck(ctx context.Context, names []string, _ bool) error {
	return i.ACMEIssuer.PreCheck(ctx, names, false)
}

// failures of a host are stored, so that all nodes wait together: Let's Encrypt allows five per hour and host.
type failures struct {
	Number int       `json:"number"`
	Next   time.Time `json:"next"` // attempt
	Last   string    `json:"last"` // error
}

func (f failures) Error() string {
	times := fmt.Sprintf("failed %d times", f.Number)
	if f.Number == 1 {
		times = "failed once"
	}
	return fmt.Sprintf("%s; it is tried again at %s: %s", times, f.Next.UTC().Format(time.TimeOnly+" MST"), f.Last)
}

// Issue gets a certificate, unless a node failed to lately. It is called with a lock on the host's name that all nodes share.
func (i issuer) Issue(ctx context.Context, request *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	host := request.DNSNames[0]
	key := "failures/" + host
	var past failures
	value, err := i.authority.storage.Load(ctx, key)
	if err == nil {
		err = json.Unmarshal(value, &past)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look when it last failed: %w", err)
	}
	if time.Now().Before(past.Next) {
		return nil, past
	}
	got, err := i.ACMEIssuer.Issue(ctx, request)
	switch {
	case err == nil:
		if past.Number > 0 {
			i.authority.storage.Delete(ctx, key) // or the next failure counts for more
		}
	case ctx.Err() == nil:
		past = past.and(err, time.Now())
		value, _ := json.Marshal(past) // a time, a number and a text: cannot fail
		err = errors.Join(past, i.authority.storage.Store(ctx, key, value))
		i.authority.failed(host, err)
	}
	return got, err
}

// and is one more: it is tried again after 2, 4, 8, 16, 32, and then always 60 minutes.
func (f failures) and(err error, now time.Time) failures {
	pause := time.Hour
	if f.Number < 5 {
		pause = 2 * time.Minute << f.Number
	}
	return failures{f.Number + 1, now.Add(pause).Round(time.Second), err.Error()}
}
