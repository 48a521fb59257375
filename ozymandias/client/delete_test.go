package client_test

import (
	"net/http"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

// telling is a client of a node that tells of each call before it answers it.
func telling(t *testing.T, cluster *apitest.Cluster, calls chan<- struct{}) *client.Client {
	t.Helper()
	a, err := api.New(cluster.Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	c := client.Local(apitest.Listen(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case calls <- struct{}{}:
			a.Local().ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})}))
	t.Cleanup(c.Close)
	return c
}

// Who waits for the end of a job for longer than one call does has no other job go that takes its name meanwhile.
func TestDeleteWaitsForOneJob(t *testing.T) {
	client.Impatient(t, time.Millisecond)
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	apply := func() string {
		t.Helper()
		if _, err := c.Apply(t.Context(), "web.yaml", []byte("name: web\ncontainers: {app: {image: x}}\n"), client.Room{}); err != nil {
			t.Fatal(err)
		}
		return cluster.UID("web")
	}
	before := apply()
	cluster.Settle()
	calls := make(chan struct{})
	waiting := telling(t, cluster, calls)
	type end struct {
		gone bool
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		gone, err := waiting.Delete(t.Context(), "web", 3*time.Minute)
		ended <- end{gone, err}
	}()
	<-calls // the first one
	<-calls // which is answered
	after := apply()
	<-calls // was perhaps on its way
	<-calls
	<-calls
	cluster.Settle()
	for {
		select {
		case <-calls:
			continue
		case e := <-ended:
			if !e.gone || e.err != nil {
				t.Errorf("%+v", e)
			}
		}
		break
	}
	if j, err := c.Job(t.Context(), "web"); err != nil || j.UID != after || after == before || j.Status.Phase == v1.Deleting {
		t.Errorf("the other job is %+v, %v", j, err)
	}
}
