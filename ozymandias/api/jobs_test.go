package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

const webapp = `
name: web
numInstances: 2
containers: {app: {image: "web:1", memory: 1G}}
`

// apply applies a job file.
func apply(t *testing.T, c *client.Client, file string, room client.Room) v1.Applied {
	t.Helper()
	out, err := c.Apply(t.Context(), "job.yaml", []byte(file), room)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refused is the problem of a call that was to be refused.
func refused(t *testing.T, err error, kind v1.ProblemType, says ...string) *v1.Problem {
	t.Helper()
	var p *v1.Problem
	if !errors.As(err, &p) || !p.Of(kind) {
		t.Fatalf("%v (%T), want a problem of type %s", err, err, kind)
	}
	for _, word := range says {
		if !strings.Contains(p.Error(), word) {
			t.Errorf("%q does not say %q", p.Error(), word)
		}
	}
	return p
}

// A job is applied, runs, is changed, scaled and deleted; each answer is true already when it comes.
func TestLifeOfAJob(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	cluster.Node("n2", "127.0.0.1", 4e9)
	if out := apply(t, c, webapp, client.Room{}); len(out.Jobs) != 1 || out.Jobs[0].Result != v1.Created || len(out.Forecast.Placed) != 2 || out.Version == 0 {
		t.Errorf("created: %+v", out)
	}
	j, err := c.Job(t.Context(), "web")
	if err != nil || j.Status.Placed != 2 || j.Status.Phase != v1.Deploying || len(j.Instances) != 2 || len(j.Events) < 2 || j.Created == nil {
		t.Errorf("right after: %+v, %v", j, err)
	}
	cluster.Settle()
	if j, err = c.Job(t.Context(), "web"); err != nil || j.Status.Phase != v1.Running || j.Status.Healthy != 2 || j.Status.Stable != 1 {
		t.Errorf("when all is up: %+v, %v", j.Status, err)
	}
	if out := apply(t, c, webapp, client.Room{}); out.Jobs[0].Result != v1.Unchanged || out.Version == 0 {
		t.Errorf("applied again: %+v", out)
	}
	if out := apply(t, c, strings.ReplaceAll(webapp, "web:1", "web:2"), client.Room{}); out.Jobs[0].Result != v1.Configured {
		t.Errorf("changed: %+v", out)
	}
	cluster.Settle()
	out, err := c.RollBack(t.Context(), "web", client.Room{})
	if err != nil || out.Jobs[0].Result != v1.Configured {
		t.Errorf("rolled back: %+v, %v", out, err)
	}
	if j, err = c.Job(t.Context(), "web"); err != nil || j.Revision != 3 || j.Spec.Containers["app"].Image != "web:1" {
		t.Errorf("rolled back: %+v, %v", j, err)
	}
	cluster.Settle()
	if out, err := c.Scale(t.Context(), "web", 3, client.Room{}); err != nil || len(out.Forecast.Placed) != 1 {
		t.Errorf("scaled: %+v, %v", out, err)
	}
	cluster.Settle()
	if instances, err := c.Instances(t.Context(), "web", ""); err != nil || len(instances) != 3 || instances[2].Name != "web-2" || !instances[2].Healthy {
		t.Errorf("instances: %+v, %v", instances, err)
	}
	if gone, err := c.Delete(t.Context(), "web", 0); err != nil || gone {
		t.Errorf("deleted: %v, %v", gone, err)
	}
	if j, err := c.Job(t.Context(), "web"); err != nil || j.Status.Phase != v1.Deleting || !j.Instances[0].Leaving {
		t.Errorf("on its way out: %+v, %v", j, err)
	}
	cluster.Settle()
	if gone, err := c.Delete(t.Context(), "web", 0); !client.IsType(err, v1.NotFound) {
		t.Errorf("gone: %v, %v", gone, err)
	}
}

// A file of several jobs is taken all or none, and what is wrong with it is said by line.
func TestJobFiles(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	_, err := c.Apply(t.Context(), "a/b.yaml", []byte(webapp+"---\nname: db\ncontainers: {db: {image: x, memory: 1GB}}\n"), client.Room{})
	p := refused(t, err, v1.BadJobFile, "a/b.yaml:7:37: containers.db.memory:")
	if len(p.Faults) != 1 || p.Faults[0].Line != 7 || p.Faults[0].Column != 37 || p.Status != 422 {
		t.Errorf("%+v", p)
	}
	_, err = c.Apply(t.Context(), "b.yaml", []byte(webapp+"---\nname: db\ncontainers: {db: {image: x, memory: 10G}}\n"), client.Room{})
	refused(t, err, v1.PlacementInfeasible)
	if jobs, err := c.Jobs(t.Context()); err != nil || len(jobs) != 0 {
		t.Errorf("what was refused is there: %+v, %v", jobs, err)
	}
	out := apply(t, c, `{"name": "j", "containers": {"a": {"image": "x"}}}`, client.Room{DryRun: true})
	if jobs, err := c.Jobs(t.Context()); err != nil || len(jobs) != 0 || !out.DryRun || len(out.Forecast.Placed) != 1 || out.Forecast.Placed[0] != (v1.Place{Instance: "j-0", Node: "n1"}) {
		t.Errorf("tried: %+v; there are %+v, %v", out, jobs, err)
	}
	out = apply(t, c, "services: {web: {image: a, restart: always, mem_limit: 1g, depends_on: [db]}, db: {image: b, mem_limit: 1g}}", client.Room{})
	if len(out.Jobs) != 2 || len(out.Warnings) == 0 {
		t.Errorf("composed: %+v", out)
	}
}

// What does not fit is refused with the reason in figures, or waits if that is wanted; what was let in waits when it does not fit any more.
func TestNoRoom(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	cluster.Node("n2", "127.0.0.1", 10e9)
	big := "name: big\nnumInstances: 3\ncontainers: {a: {image: x, memory: 12G}}\n"
	_, err := c.Apply(t.Context(), "big.yaml", []byte(big), client.Room{})
	p := refused(t, err, v1.PlacementInfeasible, "requires 12G of memory but only 10G can be allocated on one node (n2)")
	if len(p.Refusals) != 1 || p.Status != 409 {
		t.Fatalf("%+v", p)
	}
	r := p.Refusals[0]
	if len(r.Instances) != 3 || r.Requested.Memory != 12e9 || r.FreeInSum.Memory != 14e9 || r.Dimension != "memory" || r.LargestGap.Node != "n2" || r.LargestGap.Free.Memory != 10e9 ||
		len(r.Nodes) != 2 || r.Nodes[0].Node != "n2" || r.Nodes[0].Short.Memory != 2e9 || len(r.Remedies) == 0 || r.Remedies[0] != "add 2G of memory to n2" {
		t.Errorf("%+v", r)
	}
	out := apply(t, c, big, client.Room{Wait: true})
	if len(out.Forecast.Waits) != 3 {
		t.Errorf("%+v", out)
	}
	j, err := c.Job(t.Context(), "big")
	if err != nil || j.Status.Phase != v1.Waiting || len(j.Status.Waits) != 3 || j.Instances[0].Phase != v1.Unplaced || !strings.Contains(j.Status.Message, "12G") {
		t.Errorf("%+v, %v", j, err)
	}
	apply(t, c, "name: five\nnumInstances: 5\ncontainers: {a: {image: x, memory: 2G}}\n", client.Room{})
	cluster.Settle()
	_, err = c.Scale(t.Context(), "five", 8, client.Room{})
	p = refused(t, err, v1.PlacementInfeasible, "five-7")
	if len(p.Refusals) != 1 || len(p.Refusals[0].Instances) != 1 {
		t.Errorf("%+v", p.Refusals)
	}
	cluster.Kill("n2")
	cluster.Settle()
	if j, err = c.Job(t.Context(), "five"); err != nil || j.Status.Phase != v1.Waiting || j.Status.Healthy != 2 || len(j.Status.Waits) != 3 {
		t.Errorf("%+v, %v", j.Status, err)
	}
	// What it asks for less is let in, although it waits.
	if _, err := c.Scale(t.Context(), "five", 4, client.Room{}); err != nil {
		t.Error(err)
	}
}

// A job of a higher priority is let in at the cost of lower ones.
func TestPriority(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	apply(t, c, "name: low\ncontainers: {a: {image: x, memory: 3G}}\n", client.Room{})
	out := apply(t, c, "name: high\npriority: 1\ncontainers: {a: {image: x, memory: 3G}}\n", client.Room{})
	if len(out.Forecast.Waits) != 1 || out.Forecast.Waits[0].Instance != "low-0" {
		t.Errorf("%+v", out)
	}
	apply(t, c, "name: equal\npriority: 1\ncontainers: {a: {image: x, memory: 1G}}\n", client.Room{})
	cluster.Settle()
	_, err := c.Apply(t.Context(), "equal.yaml", []byte("name: equal\npriority: 1\ncontainers: {a: {image: x, memory: 2G}}\n"), client.Room{})
	refused(t, err, v1.PlacementInfeasible, "equal-0 requires 2G of memory but only 1G can be allocated on n1")
}

// Sidecars are put into the job before it is stored, and what they need counts.
func TestSidecars(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	file := "name: web\nsidecars: [envoy]\ncontainers: {app: {image: x, memory: 1G}}\n"
	apply(t, c, file, client.Room{})
	j, err := c.Job(t.Context(), "web")
	if err != nil || len(j.Spec.Containers) != 2 || len(j.Spec.Sidecars) != 0 {
		t.Errorf("%+v, %v", j.Spec, err)
	}
	if out := apply(t, c, file, client.Room{}); out.Jobs[0].Result != v1.Unchanged {
		t.Errorf("applied again: %+v", out)
	}
	_, err = c.Apply(t.Context(), "f.yaml", []byte(strings.ReplaceAll(file, "envoy", "envy")), client.Room{})
	refused(t, err, v1.BadJobFile, "f.yaml:2:12: sidecars[0]:")
}

// Of jobs that are submitted at once, for more than there is room, as many are let in as fit, and the others are refused.
func TestConflictingSubmissions(t *testing.T) {
	cluster := apitest.New(t)
	_, one := cluster.Serve(cluster.Options())
	_, other := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	var submitting sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		c := one
		if i%2 == 1 {
			c = other
		}
		submitting.Go(func() {
			_, failed[i] = c.Apply(t.Context(), "f", fmt.Appendf(nil, "name: job%d\ncontainers: {a: {image: x, memory: 1500M}}\n", i), client.Room{})
		})
	}
	submitting.Wait()
	in := 0
	for _, err := range failed {
		if err == nil {
			in++
		} else {
			refused(t, err, v1.PlacementInfeasible)
		}
	}
	jobs, err := one.Jobs(t.Context())
	if err != nil || in != 2 || len(jobs) != 2 || jobs[0].Status.Placed != 1 || jobs[1].Status.Placed != 1 {
		t.Errorf("%d were let in; there are %+v, %v", in, jobs, err)
	}
}

// Who deletes a job may wait for its end.
func TestDeleteWaits(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	apply(t, c, webapp, client.Room{})
	cluster.Settle()
	type end struct {
		gone bool
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		gone, err := c.Delete(t.Context(), "web", 3*time.Minute)
		ended <- end{gone, err}
	}()
	for {
		select {
		case e := <-ended:
			if jobs, err := c.Jobs(t.Context()); e.err != nil || !e.gone || err != nil || len(jobs) != 0 {
				t.Errorf("%+v; there are %+v, %v", e, jobs, err)
			}
			return
		default:
			cluster.Settle()
		}
	}
}

// Who deletes a job and waits on says which one is meant: one that has taken its name since stays, with its volumes.
func TestDeleteMeansOneJob(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	h := local(t, cluster)
	cluster.Node("n1", "127.0.0.1", 4e9)
	remove := func(path string, want int) (d v1.Deletion) {
		t.Helper()
		w := call(h, http.MethodDelete, path, "")
		if w.Code != want || w.Code == http.StatusAccepted && json.Unmarshal(w.Body.Bytes(), &d) != nil || w.Code == http.StatusNoContent && w.Body.Len() > 0 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return d
	}
	apply(t, c, webapp, client.Room{})
	cluster.Settle()
	uid := cluster.UID("web")
	if d := remove("/v1/jobs/web", http.StatusAccepted); d != (v1.Deletion{Name: "web", UID: uid}) {
		t.Fatalf("%+v is deleted, not %s", d, uid)
	}
	if out := apply(t, c, webapp, client.Room{}); out.Jobs[0].Result != v1.Created {
		t.Fatalf("applied anew: %+v", out)
	}
	anew := cluster.UID("web")
	remove("/v1/jobs/web?wait=1ms&uid="+uid, http.StatusAccepted)
	cluster.Settle()
	remove("/v1/jobs/web?wait=1m&uid="+uid, http.StatusNoContent)
	remove("/v1/jobs/db?uid="+anew, http.StatusNotFound)
	if j, err := c.Job(t.Context(), "web"); err != nil || j.UID != anew || anew == uid || j.Status.Phase == v1.Deleting {
		t.Errorf("the other one is %+v, %v", j, err)
	}
	// It goes by its own.
	remove("/v1/jobs/web?uid="+anew, http.StatusAccepted)
	cluster.Settle()
	remove("/v1/jobs/web?uid="+anew, http.StatusNoContent)
	remove("/v1/jobs/web", http.StatusNotFound)
}
