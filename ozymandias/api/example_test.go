package api_test

import (
	"crypto/tls"
	"log"
	"net"
	"net/http"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
)

// A node serves its API on the machine's socket, and to other machines by TLS.
func ExampleNew() {
	var (
		members     *cluster.Cluster // of package cluster's Open
		store       *state.Store
		mirror      *state.Mirror
		decider     *scheduler.Scheduler
		n           *node.Node
		socket, far net.Listener
	)
	a, err := api.New(api.Options{Node: "n1", Store: store, Mirror: mirror, Scheduler: decider, Members: members, Etcd: members.Client(),
		Peers: members.Dial(), Authority: members.Authority(), Podman: n.Podman(), Container: n.Container, Logs: n.Logs()})
	if err != nil {
		log.Fatal(err)
	}
	config := members.Server()
	config.NextProtos = []string{"http/1.1"} // commands in containers take over the connection
	go http.Serve(tls.NewListener(far, config), a.Remote())
	log.Fatal(http.Serve(socket, a.Local()))
}
