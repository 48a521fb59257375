package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"teamtask.dev/await"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/schedule"
)

// storage is what nodes call the directory by that this one has in common with them; "" if there is none.
func (n *Node) storage() string {
	if n.Volumes == nil {
		return ""
	}
	return n.Volumes.Storage()
}

// labels are those that the node joins with: what it was given, and where its shared volumes are.
func (n *Node) labels() map[string]string {
	storage := n.storage()
	if storage == "" {
		return n.Labels
	}
	labels := maps.Clone(n.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[schedule.StorageLabel] = storage
	return labels
}

// labelStorage sets right what the records say of the node's storage: they are of an earlier process, which may have had another directory
// or none, and whose life may be taken up; and what people once said of the label would win.
func (n *Node) labelStorage(ctx context.Context) error {
	now, _, _ := n.Mirror.State()
	here, storage := now.Node(n.Name), n.storage()
	if here == nil || here.Labels[schedule.StorageLabel] == storage {
		return nil
	}
	label := map[string]*string{schedule.StorageLabel: nil}
	if storage != "" {
		label[schedule.StorageLabel] = &storage
	}
	_, err := n.Store.Label(ctx, n.Name, label)
	return err
}

// reachWithin is how long what is started again waits for the storage that nodes have in common, before it makes way for what else is to be done
// for its instance.
const reachWithin = 10 * time.Second

// reach looks whether a container's volumes in the storage that nodes have in common can be had: podman, which starts it with them, would hang.
// Whoever asks again while that is not known waits for the same look, or there would be more and more of them.
func (l *loop) reach(ctx context.Context, a converge.Action) error {
	if l.Volumes == nil {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, reachWithin)
	defer done()
	for _, v := range a.Spec.Containers[a.Container].Volumes {
		kept := volume(a, a.Container, v)
		if !l.Volumes.InCommon(kept) {
			continue
		}
		look := l.looks.DoChan(kept.Job+","+kept.Name, func() (any, error) { return nil, l.Volumes.Reach(kept) })
		select {
		case there := <-look:
			if there.Err != nil {
				return there.Err
			}
		case <-ctx.Done():
			return errors.New("the shared storage does not answer")
		}
	}
	return nil
}

// apart does something with the storage that nodes have in common, whose server may be away: then the kernel holds it up for ever, whatever
// signal comes.
func apart[T any](ctx context.Context, do func() (T, error)) (T, error) {
	value, err := await.Do(ctx, do)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the shared storage does not answer: %w", err)
	}
	return value, err
}
