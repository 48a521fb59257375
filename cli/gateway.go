package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"teamtask.dev/gateway"
	"teamtask.dev/kube"
)

// gatewayOptions say how to serve the Worklists of a cluster.
type gatewayOptions struct {
	on     bool
	access kube.Access
	openID gateway.OpenID
}

func (o *gatewayOptions) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.on, "kubernetes", false, "be a tier of the Worklists in a Kubernetes cluster")
	f.StringVarP(&o.access.Namespace, "namespace", "n", "", "with --kubernetes: whose lists are at /v1/worklists (default that of the kubeconfig, or the pod's)")
	f.StringVar(&o.access.Kubeconfig, "kubeconfig", "", "with --kubernetes: file that says where the cluster is (default $KUBECONFIG, ~/.kube/config, or the pod's own cluster)")
	f.StringVar(&o.access.Context, "context", "", "with --kubernetes: context of the kubeconfig")
	f.StringVar(&o.openID.Issuer, "oidc-issuer-url", "", "let in users of this OpenID provider; the flags --oidc-* are those of the Kubernetes API server")
	f.StringVar(&o.openID.ClientID, "oidc-client-id", "", "client that the tokens must be for")
	f.StringVar(&o.openID.CAFile, "oidc-ca-file", "", "certificate of the authority that signed the provider's (PEM; default those this machine trusts)")
	f.StringVar(&o.openID.UsernameClaim, "oidc-username-claim", "sub", "claim that has the user's name")
	f.StringVar(&o.openID.UsernamePrefix, "oidc-username-prefix", "", "put before it; -: nothing (default the issuer and #, unless the claim is email)")
	f.StringVar(&o.openID.GroupsClaim, "oidc-groups-claim", "", "claim that has the user's groups")
	f.StringVar(&o.openID.GroupsPrefix, "oidc-groups-prefix", "", "put before them")
	for _, other := range []string{"upstream", "etcd-endpoints", "takeover-after", "no-sync", "url", "data-dir"} {
		cmd.MarkFlagsMutuallyExclusive("kubernetes", other)
	}
}

// serveGateway serves the Worklists of a cluster until ctx ends.
func serveGateway(cmd *cobra.Command, o *serveOptions, listener net.Listener, log *slog.Logger) error {
	klog.SetLogger(logr.FromSlogHandler(log.Handler())) // the Kubernetes client logs by itself, in two ways
	ctrllog.SetLogger(logr.FromSlogHandler(log.Handler()))
	config, namespace, err := o.gateway.access.Load()
	if err != nil {
		return err
	}
	options := gateway.Options{Namespace: namespace, Name: kubeWorkerName(), Log: log}
	if options.Client, err = clientAt(config, blocksQPS); err != nil {
		return err
	}
	if options.Callers, err = clientAt(config, callersQPS); err != nil {
		return err
	}
	if o.gateway.openID.Issuer != "" {
		ctx, cancel := context.WithTimeout(cmd.Context(), 30*time.Second)
		defer cancel()
		if err := o.gateway.openID.Connect(ctx); err != nil {
			return fmt.Errorf("--oidc-issuer-url: %w", err)
		}
		options.OpenID = &o.gateway.openID
	}
	if os.Getpid() == 1 { // alone in its container
		if lost, err := kube.Recover(cmd.Context(), options.Client, "", ""); err != nil {
			log.Warn("not all that a former process in this pod had could be turned in; it will expire", "blocks", lost, "error", err)
		}
	}
	log.Info("serving the Worklists of a cluster", "url", o.url, "cluster", config.Host, "namespace", namespace)
	return serveHTTP(cmd.Context(), gateway.New(options), nil, listener, log)
}

// clientAt is a client that makes so many calls per second at most, in the long run.
func clientAt(config *rest.Config, qps float32) (ctrl.WithWatch, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = qps, int(2*qps)
	return kube.NewClient(config)
}

// Calls per second to the API server, at most. Those about Blocks are few, and writes among them have a lower bound of their own.
// Each caller causes two in ten seconds, who they are and what they may, and more if they look at lists.
const blocksQPS, callersQPS = 50, 200
