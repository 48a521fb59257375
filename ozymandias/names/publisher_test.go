package names_test

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/names"
)

const prefix = "/skydns/internal/ozymandias/"

// patient is a context with the patience that a slow machine asks for.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(done)
	return ctx
}

// grant takes a lease that outlives the test.
func grant(t *testing.T, client *clientv3.Client) clientv3.LeaseID {
	t.Helper()
	lease, err := client.Grant(patient(t), 3600)
	if err != nil {
		t.Fatal(err)
	}
	return lease.ID
}

// publisher runs one until the function is called, or the test ends.
func publisher(t *testing.T, client *clientv3.Client) (p *names.Publisher, stop func()) {
	t.Helper()
	p = names.NewPublisher(client, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.Run(ctx)
	}()
	stop = func() { cancel(); <-over }
	t.Cleanup(stop)
	return p, stop
}

func record(job, id, address string) names.Record {
	return names.Record{Job: job, ID: id, Address: netip.MustParseAddr(address)}
}

// there are the records in etcd: the hosts by what follows the prefix, and the revisions at which they were written.
func there(t *testing.T, client *clientv3.Client) (hosts map[string]string, written map[string]int64) {
	t.Helper()
	answer, err := client.Get(patient(t), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	hosts, written = map[string]string{}, map[string]int64{}
	for _, kv := range answer.Kvs {
		host, ok := strings.CutSuffix(strings.TrimPrefix(string(kv.Value), `{"host":"`), `","ttl":3}`)
		if !ok {
			t.Errorf("%s is %s", kv.Key, kv.Value)
		}
		name := strings.TrimPrefix(string(kv.Key), prefix)
		hosts[name], written[name] = host, kv.ModRevision
	}
	return hosts, written
}

// until waits until the records in etcd are these, and returns when they were written.
func until(t *testing.T, client *clientv3.Client, want map[string]string) map[string]int64 {
	t.Helper()
	ctx := patient(t)
	for changes := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify()); ; {
		<-changes
		have, written := there(t, client)
		if maps.Equal(have, want) {
			return written
		}
		if ctx.Err() != nil {
			t.Fatalf("the records are %v, want %v", have, want)
		}
	}
}

// What is published is written, and nothing else: what stays the same is left alone.
func TestPublish(t *testing.T) {
	client := etcdtest.Start(t).Direct
	p, _ := publisher(t, client)
	lease := grant(t, client)
	p.Publish(lease, []names.Record{record("web", "0", "10.88.1.2"), record("web", "1", "10.88.1.3"), record("agent", "n1.example.org", "10.88.1.4")})
	before := until(t, client, map[string]string{"web/0": "10.88.1.2", "web/1": "10.88.1.3", "agent/n1-example-org/n1.example.org": "10.88.1.4"})
	p.Publish(lease, []names.Record{record("web", "0", "10.88.1.2"), record("web", "1", "10.88.1.5")})
	after := until(t, client, map[string]string{"web/0": "10.88.1.2", "web/1": "10.88.1.5"})
	if after["web/0"] != before["web/0"] {
		t.Error("a record that is the same was written again")
	}
	p.Publish(lease, nil)
	until(t, client, map[string]string{})
}

// There may be more records than etcd takes at once.
func TestPublishMany(t *testing.T) {
	client := etcdtest.Start(t).Direct
	p, _ := publisher(t, client)
	lease := grant(t, client)
	var records []names.Record
	want := map[string]string{}
	address := netip.MustParseAddr("10.88.0.0")
	for i := range 250 {
		address = address.Next()
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		records = append(records, names.Record{Job: "web", ID: id, Address: address})
		want["web/"+id] = address.String()
	}
	p.Publish(lease, records)
	until(t, client, want)
	p.Publish(lease, nil)
	until(t, client, map[string]string{})
}

// An instance that has moved is published by its new node, and its old one does not undo that.
func TestMoved(t *testing.T) {
	client := etcdtest.Start(t).Direct
	from, _ := publisher(t, client)
	to, _ := publisher(t, client)
	one, other := grant(t, client), grant(t, client)
	from.Publish(one, []names.Record{record("web", "0", "10.88.1.2"), record("web", "1", "10.88.1.3")})
	until(t, client, map[string]string{"web/0": "10.88.1.2", "web/1": "10.88.1.3"})
	to.Publish(other, []names.Record{record("web", "0", "10.88.2.2")})
	until(t, client, map[string]string{"web/0": "10.88.2.2", "web/1": "10.88.1.3"})
	from.Publish(one, nil)
	until(t, client, map[string]string{"web/0": "10.88.2.2"})
}

// Records go with their lease, and are written anew under the next.
func TestLeases(t *testing.T) {
	client := etcdtest.Start(t).Direct
	p, _ := publisher(t, client)
	first := grant(t, client)
	records := []names.Record{record("web", "0", "10.88.1.2")}
	p.Publish(first, records)
	until(t, client, map[string]string{"web/0": "10.88.1.2"})
	if _, err := client.Revoke(patient(t), first); err != nil {
		t.Fatal(err)
	}
	until(t, client, map[string]string{})
	p.Publish(first, []names.Record{record("web", "1", "10.88.1.3")}) // too late: it is not tried for ever, and not in the way
	p.Publish(clientv3.NoLease, records)
	p.Publish(grant(t, client), records)
	until(t, client, map[string]string{"web/0": "10.88.1.2"})
}

// A node that is started anew within its lease withdraws what it has published before and runs no more.
func TestResumed(t *testing.T) {
	client := etcdtest.Start(t).Direct
	earlier, stop := publisher(t, client)
	lease := grant(t, client)
	earlier.Publish(lease, []names.Record{record("web", "0", "10.88.1.2"), record("web", "1", "10.88.1.3")})
	before := until(t, client, map[string]string{"web/0": "10.88.1.2", "web/1": "10.88.1.3"})
	stop()
	later, _ := publisher(t, client)
	later.Publish(lease, []names.Record{record("web", "1", "10.88.1.3")})
	after := until(t, client, map[string]string{"web/1": "10.88.1.3"})
	if after["web/1"] != before["web/1"] {
		t.Error("a record that is the same was written again")
	}
}

// While etcd is away nobody waits, and what is written when it is back is what was published last.
func TestAway(t *testing.T) {
	etcd := etcdtest.Start(t)
	p, _ := publisher(t, etcd.Cuttable)
	lease := grant(t, etcd.Direct)
	p.Publish(lease, []names.Record{record("web", "0", "10.88.1.2"), record("web", "1", "10.88.1.3")})
	until(t, etcd.Direct, map[string]string{"web/0": "10.88.1.2", "web/1": "10.88.1.3"})
	for _, cut := range []etcdtest.Cut{etcdtest.Requests, etcdtest.Answers} {
		etcd.Lose(cut)
		p.Publish(lease, []names.Record{record("web", "0", "10.88.1.2"), record("web", "2", "10.88.1.4")})
		p.Publish(lease, []names.Record{record("web", "0", "10.88.1.9")})
		etcd.Lose(etcdtest.Nothing)
		until(t, etcd.Direct, map[string]string{"web/0": "10.88.1.9"})
		p.Publish(lease, []names.Record{record("web", "1", "10.88.1.3")})
		until(t, etcd.Direct, map[string]string{"web/1": "10.88.1.3"})
	}
}
