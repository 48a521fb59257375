package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	authorization "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeclient "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/gateway"
	"teamtask.dev/kube"
)

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// site is a namespace of a test.
type site struct {
	*testing.T
	namespace string
}

// patiently is a context for a call that takes as long as a list does.
func (s *site) patiently() context.Context {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	s.Cleanup(cancel)
	return ctx
}

// unfit is what a namespace is not called.
var unfit = regexp.MustCompile("[^a-z0-9]+")

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t, fmt.Sprintf("%.40s-%d", unfit.ReplaceAllString(strings.ToLower(t.Name()), "-"), time.Now().UnixNano())}
	_, err := running.Kubectl(t.Context(), "create", "namespace", s.namespace)
	s.must(err)
	return s
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// until waits for something to be so.
func (s *site) until(what string, is func() bool) {
	s.Helper()
	late := time.After(patience)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-late:
			s.Fatalf("it never is so: %s", what)
		}
	}
}

// create makes a list of that many items, in blocks of 1,000.
func (s *site) create(name string, size int64, change func(*v1alpha1.WorklistSpec)) {
	s.Helper()
	wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: v1alpha1.WorklistSpec{Size: size, Block: v1alpha1.BlockPolicy{Size: 1000}}}
	if change != nil {
		change(&wl.Spec)
	}
	s.must(admin.Create(s.Context(), wl))
}

// patch changes a list's spec.
func (s *site) patch(name, spec string) {
	s.Helper()
	_, err := running.Kubectl(s.Context(), "patch", "worklist", name, "--namespace", s.namespace, "--type=merge", "--patch", `{"spec":`+spec+`}`)
	s.must(err)
}

func (s *site) list(name string) *v1alpha1.Worklist {
	s.Helper()
	var wl v1alpha1.Worklist
	s.must(admin.Get(s.Context(), kubeclient.ObjectKey{Namespace: s.namespace, Name: name}, &wl))
	return &wl
}

// blocks are the Blocks there are.
func (s *site) blocks() []v1alpha1.Block {
	s.Helper()
	var list v1alpha1.BlockList
	s.must(admin.List(s.Context(), &list, kubeclient.InNamespace(s.namespace)))
	return list.Items
}

// account is a service account that has verbs on worklists here, all or those named. It returns a token.
func (s *site) account(name string, verbs string, lists ...string) (token string) {
	s.Helper()
	rule := "{apiGroups: [teamtask.dev], resources: [worklists], verbs: [" + verbs + "], resourceNames: [" + strings.Join(lists, ",") + "]}"
	if verbs == "" {
		rule = ""
	}
	s.must(running.Apply(s.Context(), strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name, "RULE", rule).Replace(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME, namespace: NAMESPACE}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME, namespace: NAMESPACE}
rules: [RULE]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME}]
`)))
	for verb := range strings.FieldsFuncSeq(verbs, func(r rune) bool { return r == ',' || r == ' ' }) {
		list := ""
		if len(lists) > 0 {
			list = lists[0]
		}
		s.allowed("system:serviceaccount:"+s.namespace+":"+name, nil, verb, list)
	}
	out, err := running.Kubectl(s.Context(), "create", "token", name, "--namespace", s.namespace)
	s.must(err)
	return strings.TrimSpace(out)
}

// allowed waits until the API server's authorizer knows of a right.
func (s *site) allowed(user string, groups []string, verb, list string) {
	s.Helper()
	s.until(user+" may "+verb, func() bool {
		review := &authorization.SubjectAccessReview{Spec: authorization.SubjectAccessReviewSpec{User: user, Groups: groups,
			ResourceAttributes: &authorization.ResourceAttributes{Group: v1alpha1.Group, Resource: "worklists", Verb: verb, Namespace: s.namespace, Name: list}}}
		s.must(admin.Create(s.Context(), review))
		return review.Status.Allowed
	})
}

// door is a gateway in this process.
type door struct {
	*site
	gateway *gateway.Gateway
	url     string
}

// open starts a gateway as a user of the API server.
func (s *site) open(user string, change func(*gateway.Options)) *door {
	s.Helper()
	kubeconfig, err := running.KubeconfigFor(user)
	s.must(err)
	o := gateway.Options{Namespace: s.namespace, Name: "gateway-" + strconv.FormatInt(time.Now().UnixNano(), 36), Log: slog.New(slog.NewTextHandler(s.Output(), nil))}
	for _, c := range []*kubeclient.WithWatch{&o.Client, &o.Callers} {
		config, err := configOf(kubeconfig)
		s.must(err)
		*c, err = kube.NewClient(config)
		s.must(err)
	}
	if change != nil {
		change(&o)
	}
	d := &door{site: s, gateway: gateway.New(o)}
	web := httptest.NewServer(d.gateway.Handler())
	d.url = web.URL
	s.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.gateway.Close(end); err != nil {
			s.Log(err)
		}
		web.Close()
	})
	return d
}

// client is one of the gateway, for lists in the gateway's own namespace.
func (d *door) client(token string) *client.Client {
	c := client.New(d.url, token)
	d.Cleanup(c.Close)
	return c
}

// answer is what a gateway answered.
type answer struct {
	status  int
	header  http.Header
	body    string
	problem client.Problem
}

// call does one call.
func call(t *testing.T, method, url, token, body string) (a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a = answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if a.status >= 400 {
		if json.Unmarshal(b, &a.problem) != nil || a.problem.Status != a.status || a.problem.Detail == "" || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d is not problem details: %s", method, url, a.status, b)
		}
	}
	return a
}

func (d *door) call(method, path, token, body string) answer {
	d.Helper()
	return call(d.T, method, d.url+path, token, body)
}

// stream begins a call whose answer takes as long as there is something to tell.
func (d *door) stream(path, token string) (io.ReadCloser, error) {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), "GET", d.url+path, nil)
	d.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != 200 {
		resp.Body.Close()
		return nil, fmt.Errorf("%s", resp.Status)
	}
	return resp.Body, nil
}

// metric is a sum of the gateway's metrics of a name.
func (d *door) metric(name string) (sum float64) {
	d.Helper()
	for lines := bufio.NewScanner(strings.NewReader(d.call("GET", "/metrics", "", "").body)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			fields := strings.Fields(rest)
			v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			d.must(err)
			sum += v
		}
	}
	return sum
}

const claim = `{"worker":"w"}`
