package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/secrets"
)

func (a *API) registerSecrets(api huma.API) {
	const all, tag = "/v1/secrets", "Secrets"
	if a.Secrets == nil {
		return
	}
	huma.Register(api, operation(tag, http.MethodGet, all, "list-secrets", "List secrets, never their values"),
		func(ctx context.Context, _ *struct{}) (*listed[v1.Secret], error) {
			found, err := a.Secrets.List(ctx)
			if err != nil {
				return nil, problem(err)
			}
			out := make([]v1.Secret, 0, len(found))
			for _, s := range found {
				out = append(out, v1.Secret{Name: s.Name, Version: s.Version, Changed: s.Changed})
			}
			return list(out), nil
		})
	put := operation(tag, http.MethodPut, all, "put-secret", "Set a secret; instances get the value when they start next")
	put.SkipValidateBody = true
	put.MaxBodyBytes = 2 * secrets.MaxSize // so that a value that is too long is refused in words
	huma.Register(api, put, func(ctx context.Context, in *struct {
		Name    string `query:"name" required:"true" doc:"Its name; may have slashes." maxLength:"253" pattern:"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$" patternDescription:"letters, digits, '-', '_', '.' and '/', with a letter or digit at both ends"`
		RawBody []byte `contentType:"application/octet-stream" doc:"The value, as it is."`
	}) (*answer[v1.Secret], error) {
		if len(in.RawBody) > secrets.MaxSize {
			return nil, v1.Invalid.New("the value has more than %d bytes, which is the most that a secret has", secrets.MaxSize)
		}
		version, err := a.Secrets.Put(ctx, in.Name, in.RawBody)
		return &answer[v1.Secret]{v1.Secret{Name: in.Name, Version: version}}, problem(err)
	})
	remove := operation(tag, http.MethodDelete, all, "delete-secret", "Delete a secret; what runs keeps it")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, func(ctx context.Context, in *struct {
		Name string `query:"name" required:"true" doc:"Its name."`
	}) (*struct{}, error) {
		err := a.Secrets.Delete(ctx, in.Name)
		if errors.Is(err, secrets.ErrNotFound) {
			err = none("secret", in.Name)
		}
		return nil, problem(err)
	})
}
