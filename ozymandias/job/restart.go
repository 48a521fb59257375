package job

import (
	"fmt"
	"strconv"
	"strings"
)

// Restart is what happens when a container ends: "always", "on-failure", "on-failure:3" or "never". Restarts come after growing
// pauses. An instance is complete when all its containers have ended and none is to be restarted, and failed if one of them
// ended badly and may not try again.
type Restart struct {
	Policy RestartPolicy
	// Tries is how many restarts a failing container gets with OnFailure; 0: without end.
	Tries int
}

// RestartPolicy is whether a container that ended is restarted.
type RestartPolicy string

const (
	// Always restarts it, however it ended.
	Always RestartPolicy = "always"
	// OnFailure restarts it unless it ended with 0.
	OnFailure RestartPolicy = "on-failure"
	// Never leaves it.
	Never RestartPolicy = "never"
)

// ParseRestart reads a restart policy; docker-compose's "no" is never.
func ParseRestart(s string) (Restart, error) {
	const choices = "write always, on-failure, on-failure:TRIES or never"
	policy, tries, limited := strings.Cut(s, ":")
	if limited {
		n, err := strconv.Atoi(tries)
		if err != nil || n < 1 || n > 1_000_000 || RestartPolicy(policy) != OnFailure {
			return Restart{}, fmt.Errorf("%q is not a restart policy: %s, with 1 to 1000000 tries", s, choices)
		}
		return Restart{OnFailure, n}, nil
	}
	switch p := RestartPolicy(policy); p {
	case Always, OnFailure, Never:
		return Restart{Policy: p}, nil
	case "no":
		return Restart{Policy: Never}, nil
	case "unless-stopped":
		return Restart{}, fmt.Errorf("%q has no meaning for a job, which nobody stops on one node: write always", s)
	}
	return Restart{}, fmt.Errorf("%q is not a restart policy: %s", s, choices)
}

// String writes the policy as it is read.
func (r Restart) String() string {
	if r.Tries > 0 {
		return fmt.Sprintf("%s:%d", r.Policy, r.Tries)
	}
	return string(r.Policy)
}

// MarshalText writes [Restart.String].
func (r Restart) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseRestart].
func (r *Restart) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRestart(string(b))
	return err
}
