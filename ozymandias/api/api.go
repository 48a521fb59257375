package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/logs"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/strangers"
	"teamtask.dev/version"
)

// DefaultPort is where nodes serve the API to each other and to people elsewhere.
const DefaultPort = job.APIPort

// Options of an API.
type Options struct {
	// Node is the name of the one that serves it.
	Node      string
	Mirror    *state.Mirror
	Store     *state.Store
	Scheduler *scheduler.Scheduler
	Members   Membership
	// Etcd has the tokens and the certificates.
	Etcd *clientv3.Client
	// Podman is the node's own, and Container its name there for what runs, or ran last, as a container of an instance here.
	Podman    *podman.Client
	Container func(uid, id, container string) (name string, ok bool)
	// Logs are those of what was on this node and is not there any more.
	Logs *logs.Store
	// Images and Secrets are the cluster's. nil: there are no calls about them.
	Images  *images.Store
	Secrets *secrets.Store
	// Peers is how the node shows itself to others, and whom it believes. They are called at Port; 0: DefaultPort.
	Peers *tls.Config
	Port  int
	// Authority is the cluster's, which issues certificates to admins. nil: there is no call for it.
	Authority *pki.Authority
	// IngressPorts are those that the ingress listens on for HTTP and HTTPS: a job that publishes one as well is told that it need not.
	IngressPorts []uint16
	// Collectors add to the metrics, such as those of the ingress.
	Collectors []prometheus.Collector
}

// Membership is who the nodes of the cluster are, and how a machine becomes one and is none any more: a [cluster.Cluster].
type Membership interface {
	// Nodes are those whose certificates are good.
	Nodes(ctx context.Context) ([]cluster.Node, error)
	// Admit lets a node in that shows the token.
	Admit(ctx context.Context, r cluster.JoinRequest) (cluster.Welcome, error)
	Token(ctx context.Context) (string, error)
	// NewToken makes another one, by which alone nodes are let in from then on.
	NewToken(ctx context.Context) (string, error)
	// Forget has a node be forgotten that is lost.
	Forget(ctx context.Context, name string) error
}

// API is what a node serves.
type API struct {
	Options
	handler http.Handler
	peers   *http.Transport

	credentials recent[credentials]
	joinToken   recent[pki.Token]
	etcdAnswers recent[struct{}]
	strangers   *strangers.Limiter
	searches    chan struct{} // has one for each search that goes on

	mu       sync.Mutex
	waits    []schedule.Wait // as they follow from the state until waitsNow is closed
	waitsNow <-chan struct{}
}

// New makes an API. The error names an option that is needed and missing.
func New(o Options) (*API, error) {
	if o.Node == "" || o.Mirror == nil || o.Store == nil || o.Scheduler == nil || o.Members == nil || o.Etcd == nil || o.Container == nil || o.Logs == nil {
		return nil, errors.New("an API needs the options Node, Mirror, Store, Scheduler, Members, Etcd, Container and Logs")
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	a := &API{Options: o, strangers: strangers.New(tries), searches: make(chan struct{}, searchesAtOnce), peers: toPeers(o.Peers)}
	a.credentials.read, a.joinToken.read, a.etcdAnswers.read = a.readCredentials, a.readJoinToken, a.askEtcd
	mux := http.NewServeMux()
	described := describe(mux)
	described.UseMiddleware(a.warn)
	a.registerJobs(described)
	a.registerInstances(described)
	a.registerNodes(described)
	a.registerExplanations(described)
	a.registerStreams(described, mux)
	a.registerImages(described, mux)
	a.registerSecrets(described)
	a.registerTokens(described)
	a.registerCertificates(described)
	a.registerOperations(described, mux)
	a.handler = mux
	return a, nil
}

// Close gives up connections to other nodes.
func (a *API) Close() { a.peers.CloseIdleConnections() }

// describe is a REST API without any call yet.
func describe(mux *http.ServeMux) huma.API {
	config := huma.DefaultConfig("Ozymandias", version.Version)
	config.Info.Description = "Runs containers on a few machines, without a master. Any node answers any call."
	config.Components.Schemas = schemas()
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":       {Type: "http", Scheme: "bearer", Description: "See `ozymandias token create`."},
		"certificate": {Type: "mutualTLS", Description: "A client certificate of the cluster's authority."},
	}
	config.Security = []map[string][]string{{"token": {}}, {"certificate": {}}}
	config.CreateHooks = nil // no $schema links in every answer
	config.Transformers = []huma.Transformer{typed}
	config.SchemasPath = ""
	config.DocsPath = "" // its page loads a script from elsewhere
	config.AllowAdditionalPropertiesByDefault = false
	config.RejectUnknownQueryParameters = true
	return humago.New(mux, config)
}

// stale is after how long of silence answers say that they may be out of date.
var stale = 10 * time.Second

// warn says so in a header that Kubernetes uses likewise (RFC 7234, section 5.5): who looks at a node that is cut off would take for the state of
// things what was the state of things.
func (a *API) warn(ctx huma.Context, next func(huma.Context)) {
	if silent := a.Mirror.Silent(); ctx.Method() == http.MethodGet && silent > stale {
		ctx.SetHeader("Warning", fmt.Sprintf(`299 - "%s has heard nothing of etcd for %s: this is how things stood before"`, a.Node, silent.Round(time.Second)))
	}
	next(ctx)
}

// operation is the description of one.
func operation(tag, method, path, id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag}}
}

// answer is one with a body.
type answer[T any] struct{ Body T }

// listed is an answer that lists.
type listed[T any] struct{ Body v1.List[T] }

func list[T any](items []T) *listed[T] {
	if items == nil {
		items = []T{}
	}
	return &listed[T]{v1.List[T]{Items: items}}
}
