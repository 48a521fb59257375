package api

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api/v1"
)

// fresh is how old what a node knows of credentials may be: what was deleted opens nothing any more that much later, on any node.
const fresh = time.Second

// credentials are what lets callers in from elsewhere.
type credentials struct {
	tokens       map[string]storedToken // by name
	certificates map[string]bool        // of admins, by serial number
	nodes        map[string]string      // by name: the ID of the node's key
}

// readCredentials reads them all.
func (a *API) readCredentials(ctx context.Context) (all credentials, err error) {
	found, err := a.Etcd.Txn(ctx).Then(clientv3.OpGet(tokenKey(""), clientv3.WithPrefix()),
		clientv3.OpGet(certificateKey(""), clientv3.WithPrefix(), clientv3.WithKeysOnly())).Commit()
	if err != nil {
		return all, fmt.Errorf("look up who may call: %w", err)
	}
	all.tokens, all.certificates = map[string]storedToken{}, map[string]bool{}
	for _, kv := range found.Responses[0].GetResponseRange().Kvs {
		var t storedToken
		if json.Unmarshal(kv.Value, &t) == nil { // one that cannot be read opens nothing
			all.tokens[strings.TrimPrefix(string(kv.Key), tokenKey(""))] = t
		}
	}
	for _, kv := range found.Responses[1].GetResponseRange().Kvs {
		all.certificates[path.Base(string(kv.Key))] = true
	}
	nodes, err := a.Members.Nodes(ctx)
	if err != nil {
		return all, err
	}
	all.nodes = make(map[string]string, len(nodes))
	for _, n := range nodes {
		all.nodes[n.Name] = n.ID
	}
	return all, nil
}

// spread waits until no node takes what was deleted a moment ago.
func spread(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(fresh):
	}
}

// A credential is what a caller shows.
type credential struct {
	opens   func(credentials) v1.Role // "" if it opens nothing
	unknown string                    // what is to be said then
	lasts   bool                      // it goes by what was known last where etcd cannot be asked
}

// ofNode is the certificate of a node, by its name and the ID of its key.
func ofNode(name, id string) credential {
	return credential{lasts: true, opens: func(known credentials) v1.Role {
		if id != "" && known.nodes[name] == id {
			return v1.Admin // what a node passes on has been let in by that node
		}
		return ""
	}, unknown: fmt.Sprintf("node %s, whose certificate is shown, was deleted, or is another machine by now", name)}
}

// ofAdmin is the certificate of an admin.
func ofAdmin(name, serial string) credential {
	return credential{lasts: true, opens: func(known credentials) v1.Role {
		if known.certificates[serial] {
			return v1.Admin
		}
		return ""
	}, unknown: fmt.Sprintf("the certificate shown, of %s with serial number %s, was deleted, or is none that `ozymandias certificate create` has made", name, serial)}
}

// ofToken is a token, NAME.SECRET.
func ofToken(text string) credential {
	name, secret, _ := strings.Cut(text, ".")
	sum := []byte(hash(secret))
	return credential{opens: func(known credentials) v1.Role {
		t := known.tokens[name]
		if subtle.ConstantTimeCompare([]byte(t.Hash), sum) == 1 {
			return t.Role
		}
		return ""
	}, unknown: "the token given is not one of this cluster's, or was deleted"}
}
