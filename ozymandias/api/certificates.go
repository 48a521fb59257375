package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
)

func (a *API) registerCertificates(api huma.API) {
	if a.Authority == nil {
		return
	}
	create := operation("Tokens", http.MethodPost, "/v1/certificates", "create-certificate", "Issue a client certificate, by which somebody is let in as an admin")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(_ context.Context, in *struct{ Body v1.NewCertificate }) (*answer[v1.Certificate], error) {
		out, err := a.issue(in.Body)
		return &answer[v1.Certificate]{out}, problem(err)
	})
}

func (a *API) issue(n v1.NewCertificate) (out v1.Certificate, err error) {
	certificate, key, err := a.Authority.IssueAdmin(time.Now(), n.Name, time.Duration(n.Days)*24*time.Hour)
	if err != nil {
		return out, fmt.Errorf("issue a certificate to %s: %w", n.Name, err)
	}
	authority, _, err := a.Authority.Encode()
	if err != nil {
		return out, fmt.Errorf("issue a certificate to %s: %w", n.Name, err)
	}
	return v1.Certificate{Certificate: string(certificate), Key: string(key), Authority: string(authority)}, nil
}
