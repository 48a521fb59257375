package ingress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/job"
)

// echoService says in capitals what it is told, one by one, until the client has said all. Then it ends with a code and a trailer.
var echoService = grpc.ServiceDesc{ServiceName: "Echo", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
	StreamName: "Say", ServerStreams: true, ClientStreams: true,
	Handler: func(_ any, s grpc.ServerStream) error {
		var heard wrapperspb.StringValue
		for {
			if err := s.RecvMsg(&heard); err == io.EOF {
				s.SetTrailer(metadata.Pairs("words", "two"))
				return status.Error(codes.OutOfRange, "all is said")
			} else if err != nil {
				return err
			}
			if err := s.SendMsg(wrapperspb.String(strings.ToUpper(heard.Value))); err != nil {
				return err
			}
		}
	},
}}}

// Streams go both ways at once, and the trailers in which gRPC tells how a call ended arrive, with TLS and without.
func TestGRPC(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(&echoService, nil)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	authority := newCA(t)
	var own secrets
	own.put("own", authority.issue(t, 30*24*time.Hour, "b.example"))
	table := secured(job.TLS{Secret: "own"}, "b.example", l.Addr().String())
	table.Hosts["a.example"] = to("a.example", l.Addr().String()).Hosts["a.example"]
	n := start(t, ingress.Options{Secret: own.get}, table)
	for host, way := range map[string]struct {
		address string
		by      credentials.TransportCredentials
	}{
		"a.example": {n.http, insecure.NewCredentials()},
		"b.example": {n.https, credentials.NewClientTLSFromCert(authority.pool, "b.example")},
	} {
		client, err := grpc.NewClient("passthrough:///"+way.address, grpc.WithTransportCredentials(way.by), grpc.WithAuthority(host))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		stream, err := client.NewStream(t.Context(), &echoService.Streams[0], "/Echo/Say", grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"hello", "goodbye"} { // each is said only once the one before was heard
			var heard wrapperspb.StringValue
			if err := stream.SendMsg(wrapperspb.String(word)); err != nil {
				t.Fatal(err)
			}
			if err := stream.RecvMsg(&heard); err != nil || heard.Value != strings.ToUpper(word) {
				t.Fatalf("%s: said %q, heard %q, %v", host, word, heard.Value, err)
			}
		}
		stream.CloseSend()
		err = stream.RecvMsg(&wrapperspb.StringValue{})
		if status.Code(err) != codes.OutOfRange || len(stream.Trailer().Get("words")) != 1 {
			t.Errorf("%s: the call ended with %v and %v", host, err, stream.Trailer())
		}
	}
}

// Who speaks HTTP/1.1 to the ingress, or HTTP/2 of anything but gRPC, is answered by an instance that has HTTP/1.1 only.
func TestOnlyGRPCNeedsHTTP2(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })))
	n.wants(t, 200, "HTTP/1.1", "POST", "a.example/", "x", "Content-Type: application/grpc-web")
	n.wants(t, 200, "HTTP/1.1", "POST", "a.example/", "x", "Content-Type: application/grpc")
	var plain http.Protocols
	plain.SetUnencryptedHTTP2(true)
	client := &http.Transport{Protocols: &plain}
	defer client.CloseIdleConnections()
	for kind, want := range map[string]int{"text/plain": 200, "application/grpc-web+proto": 200, "application/grpc+proto": 502} {
		r := n.request(t, "POST", "a.example/", "x", "Content-Type: "+kind)
		ctx, cancel := context.WithCancel(t.Context())
		answer, err := client.RoundTrip(r.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want || answer.ProtoMajor != 2 {
			t.Errorf("%s is answered with %s %s, want %d", kind, answer.Proto, answer.Status, want)
		}
		answer.Body.Close()
		cancel()
	}
}
