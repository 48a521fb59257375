package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/state"
)

// storedToken is what etcd has of a token: not the token itself, which nobody can find out again. It is random and long, so that its plain
// hash gives nothing away.
type storedToken struct {
	v1.Token
	Hash string `json:"hash"`
}

func tokenKey(name string) string { return state.Prefix + "tokens/" + name }

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// TokenPath is the token that a call is about.
type TokenPath struct {
	Name string `path:"name" doc:"Name of the token." maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and '-'"`
}

func (a *API) registerTokens(api huma.API) {
	const all, one, tag = "/v1/tokens", "/v1/tokens/{name}", "Tokens"
	huma.Register(api, operation(tag, http.MethodGet, all, "list-tokens", "List tokens, without their secrets"),
		func(ctx context.Context, _ *struct{}) (*listed[v1.Token], error) {
			found, err := a.Etcd.Get(ctx, tokenKey(""), clientv3.WithPrefix())
			if err != nil {
				return nil, problem(fmt.Errorf("read the tokens: %w", err))
			}
			tokens := make([]v1.Token, 0, len(found.Kvs))
			for _, kv := range found.Kvs {
				var t storedToken
				if err := json.Unmarshal(kv.Value, &t); err != nil {
					return nil, problem(fmt.Errorf("read token %s: %w", kv.Key, err))
				}
				tokens = append(tokens, t.Token)
			}
			return list(tokens), nil
		})
	create := operation(tag, http.MethodPost, all, "create-token", "Create a token, which only this answer has")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *struct{ Body v1.NewToken }) (*answer[v1.CreatedToken], error) {
		out, err := a.createToken(ctx, in.Body)
		return &answer[v1.CreatedToken]{out}, problem(err)
	})
	remove := operation(tag, http.MethodDelete, one, "delete-token", "Delete a token: it opens nothing any more")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, func(ctx context.Context, in *TokenPath) (*struct{}, error) {
		gone, err := a.Etcd.Delete(ctx, tokenKey(in.Name))
		switch {
		case err != nil:
			return nil, problem(fmt.Errorf("delete token %s: %w", in.Name, err))
		case gone.Deleted == 0:
			return nil, none("token", in.Name)
		}
		spread(ctx)
		return nil, nil
	})
}

func (a *API) createToken(ctx context.Context, n v1.NewToken) (v1.CreatedToken, error) {
	secret := rand.Text()
	t := storedToken{Token: v1.Token{Name: n.Name, Role: n.Role, Created: time.Now().UTC().Truncate(time.Second)}, Hash: hash(secret)}
	text, err := json.Marshal(t)
	if err != nil {
		return v1.CreatedToken{}, err
	}
	key := tokenKey(n.Name)
	made, err := a.Etcd.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).Then(clientv3.OpPut(key, string(text))).Commit()
	switch {
	case err != nil:
		return v1.CreatedToken{}, fmt.Errorf("write token %s: %w", n.Name, err)
	case !made.Succeeded:
		return v1.CreatedToken{}, v1.Impossible.New("there is a token %q already: delete it, or choose another name", n.Name)
	}
	return v1.CreatedToken{Token: t.Token, Secret: n.Name + "." + secret}, nil
}
