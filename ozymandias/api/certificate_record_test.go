package api_test

import (
	"encoding/json"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/pki"
)

// The record of a certificate is where package cluster looks for it, which backs it up, and says when it ends, as its lease does.
func TestCertificateRecord(t *testing.T) {
	stage := apitest.New(t)
	o := stage.Options()
	var err error
	if o.Authority, err = pki.NewAuthority(time.Now()); err != nil {
		t.Fatal(err)
	}
	_, c := stage.Serve(o)
	if _, err := c.CreateCertificate(t.Context(), v1.NewCertificate{Name: "alice", Days: 1}); err != nil {
		t.Fatal(err)
	}
	found, err := stage.Etcd.Get(t.Context(), "/ozymandias/clients/", clientv3.WithPrefix())
	if err != nil || len(found.Kvs) != 1 || found.Kvs[0].Lease == 0 {
		t.Fatalf("the records are %v, %v", found, err)
	}
	var record struct{ Ends time.Time }
	if err := json.Unmarshal(found.Kvs[0].Value, &record); err != nil || !record.Ends.After(time.Now()) {
		t.Errorf("it says %s, %v", found.Kvs[0].Value, err)
	}
}
