package v1alpha1

import "time"

// Defaults of a [HandoverPolicy]: what the CustomResourceDefinition fills in, for a Swarm that did not come by way of an API server.
const (
	DefaultHandoverTimeout  = 30 * time.Second
	DefaultHandoverLease    = 15 * time.Second
	DefaultHandoverPatience = 30 * time.Second
)

// TimeoutOrDefault is how long a worker may take to acknowledge its part.
func (h *HandoverPolicy) TimeoutOrDefault() time.Duration {
	if h.Timeout == nil || h.Timeout.Duration <= 0 {
		return DefaultHandoverTimeout
	}
	return h.Timeout.Duration
}

// LeaseOrDefault is how long a worker may be silent before it is held to be gone.
func (h *HandoverPolicy) LeaseOrDefault() time.Duration {
	if h.Lease == nil || h.Lease.Duration <= 0 {
		return DefaultHandoverLease
	}
	return h.Lease.Duration
}

// PatienceOrDefault is how long a worker that is gone keeps its workloads.
func (h *HandoverPolicy) PatienceOrDefault() time.Duration {
	if h.Patience == nil {
		return DefaultHandoverPatience
	}
	return h.Patience.Duration
}
