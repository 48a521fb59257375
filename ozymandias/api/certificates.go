package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/pki"
)

// certificateKey is where the certificates of somebody are, by serial number. One that is not there opens nothing, though it is the
// authority's. They go by a lease when they end.
func certificateKey(name string) string { return cluster.CertificatesKey + name }

// CertificatePath is whose certificates a call is about.
type CertificatePath struct {
	Name string `path:"name" doc:"Whose certificates." maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" patternDescription:"lower-case letters, digits and '-'"`
}

func (a *API) registerCertificates(api huma.API) {
	if a.Authority == nil {
		return
	}
	const all, one, tag = "/v1/certificates", "/v1/certificates/{name}", "Tokens"
	huma.Register(api, operation(tag, http.MethodGet, all, "list-certificates", "List client certificates that have not ended"),
		func(ctx context.Context, _ *struct{}) (*listed[v1.Certificate], error) {
			out, err := a.certificates(ctx)
			if err != nil {
				return nil, problem(err)
			}
			return list(out), nil
		})
	create := operation(tag, http.MethodPost, all, "create-certificate", "Issue a client certificate, by which somebody is let in as an admin")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, func(ctx context.Context, in *struct{ Body v1.NewCertificate }) (*answer[v1.CreatedCertificate], error) {
		out, err := a.issue(ctx, in.Body)
		return &answer[v1.CreatedCertificate]{out}, problem(err)
	})
	remove := operation(tag, http.MethodDelete, one, "delete-certificates", "Delete all client certificates of somebody: they open nothing any more")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, func(ctx context.Context, in *CertificatePath) (*struct{}, error) {
		gone, err := a.Etcd.Delete(ctx, certificateKey(in.Name+"/"), clientv3.WithPrefix())
		switch {
		case err != nil:
			return nil, problem(fmt.Errorf("delete the certificates of %s: %w", in.Name, err))
		case gone.Deleted == 0:
			return nil, none("certificate", in.Name)
		}
		spread(ctx)
		return nil, nil
	})
}

// certificates are all there are, by name and age.
func (a *API) certificates(ctx context.Context) (all []v1.Certificate, err error) {
	found, err := a.Etcd.Get(ctx, certificateKey(""), clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the certificates: %w", err)
	}
	for _, kv := range found.Kvs {
		var c v1.Certificate
		if err := json.Unmarshal(kv.Value, &c); err != nil {
			return nil, fmt.Errorf("read certificate %s: %w", kv.Key, err)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b v1.Certificate) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.Created.Compare(b.Created), strings.Compare(a.Serial, b.Serial))
	})
	return all, nil
}

// issue makes a certificate that lets somebody in.
func (a *API) issue(ctx context.Context, n v1.NewCertificate) (out v1.CreatedCertificate, err error) {
	fault := func(err error) (v1.CreatedCertificate, error) {
		return v1.CreatedCertificate{}, fmt.Errorf("issue a certificate to %s: %w", n.Name, err)
	}
	now, life := time.Now(), time.Duration(n.Days)*24*time.Hour
	certificate, key, err := a.Authority.IssueAdmin(now, n.Name, life)
	if err != nil {
		return fault(err)
	}
	authority, _, err := a.Authority.Encode()
	if err != nil {
		return fault(err)
	}
	issued, err := pki.ParseCertificate(certificate)
	if err != nil {
		return fault(err)
	}
	record := v1.Certificate{Name: n.Name, Serial: pki.Serial(issued), Created: now.UTC().Truncate(time.Second), Ends: issued.NotAfter.UTC()}
	text, err := json.Marshal(record)
	if err != nil {
		return fault(err)
	}
	lease, err := a.Etcd.Grant(ctx, int64(time.Until(issued.NotAfter)/time.Second)+1)
	if err != nil {
		return fault(err)
	}
	if _, err := a.Etcd.Put(ctx, certificateKey(n.Name+"/"+record.Serial), string(text), clientv3.WithLease(lease.ID)); err != nil {
		return fault(err)
	}
	return v1.CreatedCertificate{Certificate: string(certificate), Key: string(key), Authority: string(authority)}, nil
}
