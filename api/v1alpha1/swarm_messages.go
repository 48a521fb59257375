package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// JoinRequest makes a worker known in the pool of a Swarm.
type JoinRequest struct {
	// Worker is its name, as in an Assignment.
	Worker string `json:"worker" minLength:"1" maxLength:"189" doc:"Name of the worker: unique in the pool; a DNS subdomain, such as a host's name."`

	// Labels are what workloads may require.
	Labels map[string]string `json:"labels,omitempty" maxProperties:"64" doc:"What workloads may require of it."`

	// Incarnation makes a join repeatable: the same one again is answered in the same way.
	Incarnation string `json:"incarnation,omitempty" minLength:"16" maxLength:"64" doc:"A fresh random string, so that the call may be repeated after a lost answer. Default: the server makes one."`
}

// JoinResponse is a worker's session in the pool.
type JoinResponse struct {
	// Incarnation tells the worker from others of its name, before it and after.
	Incarnation string `json:"incarnation" doc:"Tells the worker from others of its name; goes with every call."`

	// Lease is how long the worker is held to be there after each call that renews.
	Lease metav1.Duration `json:"lease" doc:"How long the worker is held to be there after a renewal: renew after a third of it, and stop everything before it can have run out."`
}

// RenewalRequest keeps a worker's lease, and says what it runs.
type RenewalRequest struct {
	Incarnation string `json:"incarnation" minLength:"1" maxLength:"253" doc:"As the answer to joining has it."`

	// Version is acknowledged: the worker runs what that version of its part has, and nothing else. 0: none yet.
	Version int64 `json:"version,omitempty" minimum:"0" doc:"The version of its part that the worker runs, and nothing that is not in it; 0: none yet."`

	// Draining asks for everything to be moved away.
	Draining bool `json:"draining,omitempty" doc:"The worker is about to go: everything is to move away."`

	// Trouble is why the worker could not apply its part, which it tries again.
	Trouble string `json:"trouble,omitempty" maxLength:"512" doc:"Why the worker could not apply its part, for people to read; it tries again."`
}

// RenewalResponse tells the latest version of the worker's part.
type RenewalResponse struct {
	Version int64 `json:"version" doc:"The latest version of the worker's part."`
}
