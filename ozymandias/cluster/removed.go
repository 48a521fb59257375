package cluster

import (
	"context"

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

// survive are options of etcd's gRPC server.
var survive = []grpc.ServerOption{
	grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
		defer askAnother(&err)
		return handle(ctx, request)
	}),
	grpc.StreamInterceptor(func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		defer askAnother(&err)
		return handle(server, stream)
	}),
}

func askAnother(err *error) {
	switch cause := recover(); cause {
	case nil:
	case justRemoved:
		*err = status.Error(codes.Unavailable, "this member of etcd was removed")
	default:
		panic(cause)
	}
}
