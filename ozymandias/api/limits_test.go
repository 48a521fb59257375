package api_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/test/endless"
)

// asked counts what etcd is asked for. It may be out of reach.
type asked struct {
	clientv3.KV
	times atomic.Int64
	away  atomic.Bool
}

func (a *asked) Get(ctx context.Context, key string, options ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	a.times.Add(1)
	return a.KV.Get(ctx, key, options...)
}

func (a *asked) Txn(ctx context.Context) clientv3.Txn {
	a.times.Add(1)
	if a.away.Load() {
		var end context.CancelFunc
		ctx, end = context.WithCancel(ctx)
		end()
	}
	return a.KV.Txn(ctx)
}

// Who shows what is not known is soon not looked up any more, while who is known is let in, and what is made meanwhile is known within a second: nobody
// outside can keep etcd busy, or others out.
func TestWrongTokens(t *testing.T) {
	stage := apitest.New(t)
	_, local := stage.Serve(stage.Options())
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	counting := &asked{KV: stage.Etcd.KV}
	stage.Etcd.KV = counting
	url, _ := stage.Remote(stage.Options(), authority)
	with := func(token string) *client.Client {
		c, err := client.Remote(url, &tls.Config{RootCAs: authority.Pool()})
		if err != nil {
			t.Fatal(err)
		}
		c.Token = token
		t.Cleanup(c.Close)
		return c
	}
	made := func(name string) *client.Client {
		token, err := local.CreateToken(t.Context(), v1.NewToken{Name: name, Role: v1.Read})
		if err != nil {
			t.Fatal(err)
		}
		return with(token.Secret)
	}
	look := func(c *client.Client) error { _, err := c.Version(t.Context()); return err }
	known := made("known")
	if err := look(known); err != nil {
		t.Fatal(err)
	}
	stranger := with("known.AAAA")
	begin, before, refused := time.Now(), counting.times.Load(), int64(0)
	for limited := 0; limited < 20; {
		switch err := look(stranger); {
		case client.IsType(err, v1.TooManyTries):
			limited++
		case client.IsType(err, v1.Unauthenticated):
			if refused++; refused > 1000 {
				t.Fatal("there is no limit")
			}
		default:
			t.Fatal(err)
		}
		if err := look(known); err != nil {
			t.Fatalf("who is known is kept out: %v", err)
		}
	}
	times := counting.times.Load() - before
	if most := refused + int64(time.Since(begin)/time.Second) + 2; times > most {
		t.Errorf("etcd was asked %d times, for %d tries", times, refused)
	}
	late := made("late")
	for look(late) != nil {
		// It is among what is read next, whether or not there are tries left.
	}
}

// That a call came too often is a problem like others, with when to try again.
func TestTooManyTries(t *testing.T) {
	stage := apitest.New(t)
	a, err := api.New(stage.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	join := func(secret string) *httptest.ResponseRecorder {
		return call(a.Remote(), http.MethodPost, "/v1/join", `{"secret": "`+secret+`"}`)
	}
	tries := 0
	w := join("wrong")
	for ; w.Code == http.StatusUnauthorized && tries < 1000; w = join("wrong") {
		tries++
	}
	var p v1.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusTooManyRequests || !p.Of(v1.TooManyTries) || w.Header().Get("Retry-After") != "1" ||
		w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	if looked := stage.Members.Tries(); tries != looked || tries == 0 {
		t.Errorf("%d tries, of which %d were looked at", tries, looked)
	}
	text, err := stage.Members.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := pki.ParseToken(text)
	if err != nil {
		t.Fatal(err)
	}
	if w := join(token.Secret); w.Code != http.StatusOK {
		t.Errorf("with the right token: %d %s", w.Code, w.Body)
	}
	// Whatever it is that is wrong, it counts with the rest.
	r := httptest.NewRequest(http.MethodGet, "/v1/jobs", nil)
	r.Header.Set("Authorization", "Bearer x.y")
	for range 1000 {
		w = httptest.NewRecorder()
		if a.Remote().ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			break
		}
	}
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
}

// Whether a node is ready is asked by anybody, and etcd is not asked each time.
func TestReadyIsCheap(t *testing.T) {
	stage := apitest.New(t)
	counting := &asked{KV: stage.Etcd.KV}
	stage.Etcd.KV = counting
	h := local(t, stage)
	begin := time.Now()
	for range 50 {
		if w := call(h, http.MethodGet, "/readyz", ""); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if times := counting.times.Load(); times > int64(time.Since(begin)/time.Second)+1 {
		t.Errorf("etcd was asked %d times", times)
	}
}

// Client certificates let in until they are deleted; and only those that the API has given out, as every node has the authority's key and may have
// been lost.
func TestCertificates(t *testing.T) {
	stage := apitest.New(t)
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o := stage.Options()
	o.Authority = authority
	_, local := stage.Serve(o)
	url, _ := stage.Remote(stage.Options(), authority)
	with := func(certificate, key []byte) *client.Client {
		t.Helper()
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.Remote(url, &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{pair}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	issued := map[string][]*client.Client{}
	for _, name := range []string{"ann", "ann", "bob", "annabel"} {
		c, err := local.CreateCertificate(t.Context(), v1.NewCertificate{Name: name, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		issued[name] = append(issued[name], with([]byte(c.Certificate), []byte(c.Key)))
	}
	look := func(c *client.Client) error { _, err := c.Tokens(t.Context()); return err }
	for name, all := range issued {
		for _, c := range all {
			if err := look(c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	list, err := local.Certificates(t.Context())
	if err != nil || len(list) != 4 || list[0].Name != "ann" || list[1].Name != "ann" || list[2].Name != "annabel" || list[0].Serial == list[1].Serial {
		t.Errorf("%+v, %v", list, err)
	}
	for _, c := range list {
		if left := time.Until(c.Ends); left <= 0 || left > 24*time.Hour || c.Created.IsZero() {
			t.Errorf("%+v", c)
		}
	}
	leases, err := stage.Etcd.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lasting := 0
	for _, l := range leases.Leases {
		alive, err := stage.Etcd.TimeToLive(t.Context(), l.ID, clientv3.WithAttachedKeys())
		if err == nil && len(alive.Keys) == 1 && strings.HasPrefix(string(alive.Keys[0]), "/ozymandias/clients/") {
			lasting++
		}
	}
	if lasting != 4 {
		t.Errorf("%d of them go when they end", lasting)
	}
	if err := local.DeleteCertificates(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	for _, c := range issued["ann"] {
		if err := look(c); !client.IsType(err, v1.Unauthenticated) || !strings.Contains(err.Error(), "was deleted") {
			t.Errorf("with a certificate that was deleted: %v", err)
		}
	}
	for _, name := range []string{"bob", "annabel"} {
		if err := look(issued[name][0]); err != nil {
			t.Errorf("%s, whose was not deleted: %v", name, err)
		}
	}
	if err := local.DeleteCertificates(t.Context(), "ann"); !client.IsType(err, v1.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	certificate, key, err := authority.IssueAdmin(time.Now(), "bob", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := look(with(certificate, key)); !client.IsType(err, v1.Unauthenticated) {
		t.Errorf("with a certificate that the API has not given out: %v", err)
	}
	reader, err := local.CreateToken(t.Context(), v1.NewToken{Name: "r", Role: v1.Read})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Remote(url, &tls.Config{RootCAs: authority.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Token = reader.Secret
	if _, err := c.Certificates(t.Context()); !client.IsType(err, v1.Forbidden) {
		t.Errorf("a reader lists them: %v", err)
	}
}

// Where etcd is out of reach, nodes go on asking each other, for logs above all; tokens are not taken, as they may have been deleted.
func TestEtcdOutOfReach(t *testing.T) {
	stage := apitest.New(t)
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o := stage.Options()
	o.Authority = authority
	_, local := stage.Serve(o)
	token, err := local.CreateToken(t.Context(), v1.NewToken{Name: "ann", Role: v1.Admin})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := local.CreateCertificate(t.Context(), v1.NewCertificate{Name: "ann", Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(issued.Certificate), []byte(issued.Key))
	if err != nil {
		t.Fatal(err)
	}
	kv := &asked{KV: stage.Etcd.KV}
	stage.Etcd.KV = kv
	url, node := stage.Remote(stage.Options(), authority)
	ask := func(config *tls.Config, token string) error {
		c, err := client.Remote(url, config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Token = token
		_, err = c.Version(t.Context())
		return err
	}
	trusting := &tls.Config{RootCAs: authority.Pool()}
	admin := &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{pair}}
	kv.away.Store(true)
	if err := ask(node, ""); !client.IsType(err, v1.StateUnavailable) {
		t.Errorf("a node, when it is not known yet who is one: %v", err)
	}
	kv.away.Store(false)
	for ask(node, "") != nil { // what was found out before is gone by in a second
	}
	for _, at := range []struct {
		who    string
		config *tls.Config
		token  string
	}{{"an admin", admin, ""}, {"a token", trusting, token.Secret}} {
		if err := ask(at.config, at.token); err != nil {
			t.Errorf("%s: %v", at.who, err)
		}
	}
	kv.away.Store(true)
	for ask(trusting, token.Secret) == nil {
	}
	if err := ask(trusting, token.Secret); !client.IsType(err, v1.StateUnavailable) {
		t.Errorf("a token: %v", err)
	}
	for who, config := range map[string]*tls.Config{"a node": node, "an admin": admin} {
		if err := ask(config, ""); err != nil {
			t.Errorf("%s: %v", who, err)
		}
	}
	if err := ask(trusting, "x.y"); !client.IsType(err, v1.StateUnavailable) {
		t.Errorf("a wrong token: %v", err)
	}
}

// An explanation is a search, and takes its turn with the others; whoever has gone by then is not worked for.
func TestExplanationsTakeTurns(t *testing.T) {
	stage := apitest.New(t)
	a, err := api.New(stage.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	stage.Node("n1", "127.0.0.1", 4e9)
	first, err := api.Search(a, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := api.Search(a, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	ask := func(ctx context.Context, method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.Local().ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(webapp)))
		return w
	}
	calls := map[string]string{"/v1/nodes/n1/explanation": "GET", "/v1/jobs/web/explanation": "GET", "/v1/explanation": "POST"}
	for path, method := range calls {
		var p v1.Problem
		w := ask(gone, method, path)
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || !p.Of(v1.Busy) || w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s while others search: %d %s", method, path, w.Code, w.Body)
		}
	}
	if w := ask(gone, "GET", "/v1/explanation"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	first()
	second()
	for range 3 { // each has its turn, and gives it back
		if w := ask(t.Context(), "POST", "/v1/explanation"); w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := ask(t.Context(), "GET", "/v1/jobs/web/explanation"); w.Code != http.StatusNotFound {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// timed is an answer for which one may say how long its call may take to come.
type timed struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (w *timed) SetReadDeadline(until time.Time) error {
	w.until = until
	return nil
}

// No call takes a body however long it is, or waits for it however long that takes; and a node that joins is let in by what it sends, so
// that anybody may send it.
func TestLimitsBodies(t *testing.T) {
	stage := apitest.New(t)
	o := stage.Options()
	var err error
	if o.Authority, err = pki.NewAuthority(time.Now()); err != nil {
		t.Fatal(err)
	}
	if o.Secrets, err = secrets.Open(stage.Etcd, make([]byte, seal.KeySize), secrets.VaultOptions{}); err != nil {
		t.Fatal(err)
	}
	a, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var described struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Required bool
			}
			RequestBody *struct{ Content map[string]any }
		}
	}
	if err := json.Unmarshal(call(a.Local(), http.MethodGet, "/openapi.json", "").Body.Bytes(), &described); err != nil {
		t.Fatal(err)
	}
	most := map[string]int64{"/v1/join": 64 << 10}
	calls := 0
	for path, methods := range described.Paths {
		for method, op := range methods {
			if op.RequestBody == nil {
				continue
			}
			calls++
			query := url.Values{}
			at := path
			for _, p := range op.Parameters {
				switch {
				case p.In == "path":
					at = strings.ReplaceAll(at, "{"+p.Name+"}", "x")
				case p.Required:
					query.Set(p.Name, "x")
				}
			}
			body, w := &endless.Body{}, &timed{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequest(strings.ToUpper(method), at+"?"+query.Encode(), body)
			for kind := range op.RequestBody.Content {
				r.Header.Set("Content-Type", kind)
			}
			handler := a.Local()
			if path == "/v1/join" {
				handler = a.Remote()
			}
			handler.ServeHTTP(w, r)
			if limit := cmp.Or(most[path], 4<<20); w.Code != http.StatusRequestEntityTooLarge || body.Taken > limit {
				t.Errorf("%s %s takes a body of %d bytes: %d %.200s", method, path, body.Taken, w.Code, w.Body)
			}
			if w.until.IsZero() {
				t.Errorf("%s %s waits for a body for ever", method, path)
			}
		}
	}
	if calls < 8 {
		t.Errorf("only %d calls take a body", calls)
	}
	if stage.Members.Tries() > 0 {
		t.Error("a node may try to be let in")
	}
}
