package state_test

import (
	"context"
	"errors"
	"log"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// Reading, deciding and writing, until there is nothing to write. Package scheduler does so on every node.
func Example() {
	ctx := context.Background()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"localhost:7701"}})
	if err != nil {
		log.Fatal(err)
	}
	store := state.New(client)
	mirror, err := store.NewMirror(ctx)
	if err != nil {
		log.Fatal(err)
	}
	go mirror.Run(ctx)
	for {
		now, basis, changed := mirror.State()
		decision, err := schedule.Decide(now, time.Now())
		if err != nil {
			log.Fatal(err)
		}
		if !decision.Changed() {
			return
		}
		_, err = store.Commit(ctx, basis, state.Change{Plans: decision.Plans, Events: decision.Events})
		if err != nil && !errors.Is(err, state.ErrOvertaken) {
			log.Fatal(err)
		}
		<-changed
	}
}
