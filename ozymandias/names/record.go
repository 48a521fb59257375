package names

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"strings"

	"teamtask.dev/ozymandias/job"
)

// Domain is where the names are.
const Domain = job.Domain

// TTL is how long resolvers may keep an answer, in seconds.
const TTL = 3

// Record is a healthy instance.
type Record struct {
	// Job is the job's name; ID is the instance's, an ordinal or the name of a node.
	Job, ID string
	Address netip.Addr
}

// prefix is the domain in etcd, as CoreDNS looks for it: the labels in reverse.
const prefix = "/skydns/internal/ozymandias/"

// key is the record's in etcd.
//
// The name of a node need not be one label. What it is made into may be that of another node's name, so the name itself follows, for
// CoreDNS finds what is below a name, too: no instance takes another's place in the answer for the job.
func (r Record) key() string {
	name := label(r.ID)
	if name != r.ID {
		name += "/" + url.PathEscape(r.ID)
	}
	return prefix + r.Job + "/" + name
}

// label makes an instance's ID into one label of a DNS name (RFC 1123, 2.1): n1.example.org is n1-example-org.
func label(id string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(id))
	name = strings.Trim(name[:min(len(name), 63)], "-")
	switch name {
	case "any", "": // to CoreDNS, "any" is all there are
		return "node"
	}
	return name
}

// value is the record as CoreDNS reads it.
func (r Record) value() string {
	b, err := json.Marshal(struct {
		Host netip.Addr `json:"host"`
		TTL  int        `json:"ttl"`
	}{r.Address, TTL})
	if err != nil {
		panic(err) // an address can be written
	}
	return string(b)
}
