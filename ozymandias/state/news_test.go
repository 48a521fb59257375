package state_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A line is what a client's streams go over.
type line struct {
	silent  atomic.Bool // nothing is heard any more, without a word: what was sent meanwhile is lost
	streams atomic.Int32
	asked   chan struct{} // something was sent, be it a watch or a question
}

// client is one of the etcd whose streams go over the line.
func (l *line) client(b *bench) *clientv3.Client {
	b.Helper()
	l.asked = make(chan struct{}, 1000)
	client, err := clientv3.New(clientv3.Config{Endpoints: b.Direct.Endpoints(), DialOptions: []grpc.DialOption{
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			l.streams.Add(1)
			stream, err := streamer(ctx, desc, cc, method, opts...)
			return deaf{stream, l}, err
		})}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	return client
}

type deaf struct {
	grpc.ClientStream
	*line
}

func (d deaf) RecvMsg(m any) error {
	for {
		if err := d.ClientStream.RecvMsg(m); err != nil || !d.silent.Load() {
			return err
		}
	}
}

func (d deaf) SendMsg(m any) error {
	d.asked <- struct{}{}
	return d.ClientStream.SendMsg(m)
}

// A watch that has no news because there are none is left as it is.
func TestQuietWatch(t *testing.T) {
	b := newBench(t)
	state.Impatient(t)
	var l line
	b.Store = state.New(l.client(b))
	b.mirror()
	for range 4 { // the watch, and three questions, of which two were answered
		<-l.asked
	}
	if n := l.streams.Load(); n != 1 {
		t.Errorf("%d streams were opened", n)
	}
}

// A watch that hangs without a word, while requests are answered, is noticed.
func TestSilentWatch(t *testing.T) {
	b := newBench(t)
	state.Impatient(t)
	var l line
	client := l.client(b)
	b.Store = state.New(client)
	m := b.mirror()
	b.join("n1")
	b.until(m, "n1", func(s schedule.State) bool { return len(s.Nodes) == 1 })
	l.silent.Store(true)
	b.join("n2")
	b.until(m, "n2, of which no watch tells", func(s schedule.State) bool { return len(s.Nodes) == 2 })
	b.join("n3")
	b.until(m, "n3, as well", func(s schedule.State) bool { return len(s.Nodes) == 3 })
	l.silent.Store(false)
	b.join("n4")
	b.until(m, "n4", func(s schedule.State) bool { return len(s.Nodes) == 4 })
}

// A mirror ends with its client.
func TestClientClosed(t *testing.T) {
	b := newBench(t)
	client, err := clientv3.New(clientv3.Config{Endpoints: b.Direct.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := state.New(client).NewMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- m.Run(t.Context()) }()
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("it ended without an error")
	}
}

// Who has written waits until it can be read.
func TestWait(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	m := b.mirror()
	change, _ := web()
	version, err := b.Commit(t.Context(), b.basis(), change)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Wait(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if now, _, _ := m.State(); now.Version != 1 || version != 1 || len(now.Jobs) != 1 {
		t.Errorf("after version %d the state is %+v", version, now)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Wait(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait() = %v", err)
	}
}

// A node whose entry among the living is taken away, though its lease lives, hears of it.
func TestDeparted(t *testing.T) {
	b := newBench(t)
	incarnation, _ := b.join("n1")
	m := b.mirror()
	departed := make(chan error)
	go func() { departed <- m.Departed(t.Context(), "n1", incarnation) }()
	b.join("n2")
	b.until(m, "n2", func(s schedule.State) bool { return len(s.Nodes) == 2 })
	select {
	case err := <-departed:
		t.Fatalf("departed as another joined: %v", err)
	default:
	}
	if _, err := b.Direct.Delete(t.Context(), state.Prefix+"live/n1"); err != nil {
		t.Fatal(err)
	}
	if err := <-departed; err != nil {
		t.Error(err)
	}
}

// Of the last decisions it is known what they changed; of those before no more, nor all of what is too much to read.
func TestEvents(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	m := b.mirror()
	var version int64
	commit := func(events ...schedule.Event) {
		t.Helper()
		now, basis, _ := m.State()
		var err error
		if version, err = b.Commit(t.Context(), basis, state.Change{Plans: map[string]schedule.Plan{"n1": {Version: now.Version + 1}}, Events: events}); err != nil {
			t.Fatal(err)
		}
		if err := m.Wait(t.Context(), version); err != nil {
			t.Fatal(err)
		}
	}
	event := schedule.Event{Job: "u1", Node: "n1", Text: "web-0 goes to n1 at revision 1"}
	commit(event)
	commit()
	if got := m.Events(); len(got) != 1 || got[0].Version != 1 || got[0].Event != event || got[0].At.IsZero() {
		t.Errorf("the events are %+v", got)
	}
	var many []schedule.Event
	for range 1000 {
		many = append(many, event)
	}
	commit(many...)
	if got := m.Events(); len(got) != 102 || got[101].Text != "and 900 more events" {
		t.Errorf("there are %d events, the last is %+v", len(got), got[len(got)-1])
	}
	for i := range 310 {
		commit(schedule.Event{Node: "n1", Text: fmt.Sprint(i)})
	}
	left, err := b.Direct.Get(t.Context(), state.Prefix+"events/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		t.Fatal(err)
	}
	b.until(m, "no more than are kept", func(schedule.State) bool { return int64(len(m.Events())) == left.Count })
	if got := m.Events(); left.Count != 301 || got[0].Version != version-300 || got[300].Text != "309" {
		t.Errorf("%d decisions are kept, from %d to %d", left.Count, got[0].Version, got[len(got)-1].Version)
	}
}
