package cluster

import (
	"context"
	"sync/atomic"

	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"teamtask.dev/etcdlog"
)

// A member that was just removed, and is asked something before it has stopped, panics, and would take the whole node with it:
// https://github.com/etcd-io/etcd/issues/21966. The client is told to ask another instead.

// justRemoved is what etcd panics with in that case, and no other.
const justRemoved = "failed to find local ID in cluster members"

// logged is how etcd's log appears. When it cannot go on the other members do, and this node's instances are ended by its watchdog.
var logged = etcdlog.Options{Dying: "ozymandias: etcd cannot go on", Survived: []string{justRemoved}}

// A guard stands before etcd's gRPC server, which goes on when etcd has stopped, and panics on much that it is asked then.
type guard struct{ etcd atomic.Pointer[embed.Etcd] } // nil until it has started

// stopping reports whether etcd has stopped, or is about to.
func (g *guard) stopping() bool {
	etcd := g.etcd.Load()
	if etcd == nil {
		return false
	}
	select {
	case <-etcd.Server.StoppingNotify():
		return true
	default:
		return false
	}
}

// options are for the gRPC server.
func (g *guard) options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
			defer g.askAnother(&err)
			if g.stopping() {
				return nil, errAskAnother
			}
			return handle(ctx, request)
		}),
		grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
			defer g.askAnother(&err)
			if g.stopping() {
				return errAskAnother
			}
			return handle(server, stream)
		}),
	}
}

var errAskAnother = status.Error(codes.Unavailable, "this member of etcd has ended")

func (g *guard) askAnother(err *error) {
	switch cause := recover(); {
	case cause == nil:
	case cause == justRemoved, g.stopping():
		*err = errAskAnother
	default:
		panic(cause)
	}
}
