package policy

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// The controller may call pods of the namespaces that it looks after, for their version, unless it is told not to.
func TestControllerAsksPods(t *testing.T) {
	for name, c := range map[string]struct {
		flags      []string
		asks       bool
		namespaces []string // nil: all
	}{
		"everywhere": {nil, true, nil},
		"confined":   {values["confined"], true, []string{"kube-public", "default"}},
		"off":        {[]string{"--set", "networkPolicies.askPods=false"}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			policy := convert[networkingv1.NetworkPolicy](t, byID(chart(t, c.flags...))["NetworkPolicy.networking.k8s.io teamtask-controller in teamtask-system"])
			asks := false
			for _, egress := range policy.Spec.Egress {
				for _, to := range egress.To {
					asks = true
					var namespaces []string
					for _, e := range to.NamespaceSelector.MatchExpressions {
						namespaces = append(namespaces, e.Values...)
					}
					if !slices.Equal(namespaces, c.namespaces) || to.PodSelector != nil || to.IPBlock != nil {
						t.Errorf("it may call %+v", to)
					}
				}
			}
			if asks != c.asks {
				t.Errorf("it may call pods is %v, expected %v", asks, c.asks)
			}
		})
	}
}
