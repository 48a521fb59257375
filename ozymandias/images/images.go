package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/semaphore"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/state"
)

// What a caller may decide on; use errors.Is.
var (
	// ErrNotFound says that there is no such image in the cluster, or on this node.
	ErrNotFound = errors.New("there is no such image")
	// ErrBusy says that a node gives images to as many others as it can: ask another one, or later.
	ErrBusy = errors.New("too many nodes are fetching images from this one")
	// ErrName says that a name cannot be an image's, and ErrNameless that an image in an archive has none.
	ErrName     = errors.New("no name of an image")
	ErrNameless = errors.New("has no name")
)

// Options of a node's images. All are needed.
type Options struct {
	Podman *podman.Client
	Etcd   *clientv3.Client
	// Node is this one's name.
	Node string
	// Fetch returns what [Store.Save] of another node writes.
	Fetch func(ctx context.Context, node, id string) (io.ReadCloser, error)
	Log   *slog.Logger
}

// A Store is a node's images, and those of the cluster.
type Store struct {
	podman *podman.Client
	etcd   *clientv3.Client
	node   string
	ask    func(ctx context.Context, node, id string) (io.ReadCloser, error)
	log    *slog.Logger

	// recording is held by whoever marks an image before it has a record, and by whoever takes marks away for want of one.
	recording *semaphore.Weighted
	fetches   chan struct{} // a place for each image that is fetched
	saves     chan struct{} // a place for each node that is given one

	mu      sync.Mutex
	loads   []*load // that are under way
	known   knowledge
	changed chan struct{}            // closed at the next change of any of these
	held    map[string]bool          // ids that this node has
	trouble map[string]error         // by id: why it has not come so far
	pulling map[string]chan struct{} // by full name: closed when that pull is over
}

// How many images a node fetches, and to how many it gives one, at a time: so the first node to have one is not asked by all at once, and
// those that get it give it on.
const (
	mostFetches = 3
	mostSaves   = 4
)

// New returns the images of a node. It needs Run to fetch those of the cluster.
func New(o Options) *Store {
	return &Store{podman: o.Podman, etcd: o.Etcd, node: o.Node, ask: o.Fetch, log: o.Log, recording: semaphore.NewWeighted(1), fetches: make(chan struct{}, mostFetches), saves: make(chan struct{}, mostSaves),
		known: newKnowledge(), changed: make(chan struct{}), held: map[string]bool{}, trouble: map[string]error{}, pulling: map[string]chan struct{}{}}
}

// record is what a name stands for.
type record struct {
	ID     string    `json:"id"`
	Size   job.Size  `json:"size"`
	Loaded time.Time `json:"loaded"`
	By     string    `json:"by"`
}

// knowledge is what etcd says.
type knowledge struct {
	records map[string]record   // by full name
	holders map[string][]string // by node: the ids it has
}

func newKnowledge() knowledge {
	return knowledge{records: map[string]record{}, holders: map[string][]string{}}
}

// The kinds of records, as their keys begin.
const (
	allKey     = state.Prefix + "images/"
	recordsKey = allKey + "records/"
	holdersKey = allKey + "holders/"
)

// read takes everything from etcd.
func (s *Store) read(ctx context.Context) (k knowledge, revision int64, err error) {
	k = newKnowledge()
	answer, err := s.etcd.Get(ctx, allKey, clientv3.WithPrefix())
	if err != nil {
		return k, 0, fmt.Errorf("read what images there are: %w", err)
	}
	for _, kv := range answer.Kvs {
		if err := k.take(kv, false); err != nil {
			return k, 0, err
		}
	}
	return k, answer.Header.Revision, nil
}

// take takes in one record.
func (k *knowledge) take(kv *mvccpb.KeyValue, gone bool) (err error) {
	key := string(kv.Key)
	if name, ok := strings.CutPrefix(key, recordsKey); ok {
		err = enter(k.records, name, kv.Value, gone)
	} else if node, ok := strings.CutPrefix(key, holdersKey); ok {
		err = enter(k.holders, node, kv.Value, gone)
	}
	if err != nil {
		return fmt.Errorf("%s in etcd was not written by this program, or by a later one: %w", kv.Key, err)
	}
	return nil
}

func enter[T any](into map[string]T, name string, value []byte, gone bool) error {
	if gone {
		delete(into, name)
		return nil
	}
	var v T
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	into[name] = v
	return nil
}

// ids are those that the names stand for.
func (k *knowledge) ids() map[string]bool {
	ids := map[string]bool{}
	for _, r := range k.records {
		ids[r.ID] = true
	}
	return ids
}

// from lists the other nodes that have an image.
func (k *knowledge) from(id, self string) []string {
	var nodes []string
	for node, ids := range k.holders {
		if node != self && slices.Contains(ids, id) {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// An Image is one of the cluster's.
type Image struct {
	// Name with registry and tag.
	Name string
	// ID is the SHA-256 of its configuration, in hexadecimal digits.
	ID     string
	Size   job.Size
	Loaded time.Time
	// Nodes that live and have it.
	Nodes []string
}

// List returns the images of the cluster by name.
func (s *Store) List(ctx context.Context) ([]Image, error) {
	k, _, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	images := make([]Image, 0, len(k.records))
	for _, name := range slices.Sorted(maps.Keys(k.records)) {
		r := k.records[name]
		images = append(images, Image{Name: name, ID: r.ID, Size: r.Size, Loaded: r.Loaded, Nodes: k.from(r.ID, "")})
	}
	return images, nil
}

// Remove takes a name from the cluster. Nodes remove the image when no name stands for it and nothing runs it any more. The error is
// ErrNotFound if there is no such name.
func (s *Store) Remove(ctx context.Context, name string) error {
	names, err := meanings(name)
	if err != nil {
		return err
	}
	for _, full := range names {
		answer, err := s.etcd.Delete(ctx, recordsKey+full)
		if err != nil {
			return fmt.Errorf("remove image %s: %w", name, err)
		}
		if answer.Deleted > 0 {
			return nil
		}
	}
	return fmt.Errorf("remove image %s: %w in the cluster; `ozymandias image list` says which there are", name, ErrNotFound)
}

// now returns what a question was answered from, and what is closed when the answer may be another one. The caller must not keep k.
func (s *Store) now(ask func(k *knowledge)) (changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ask(&s.known)
	return s.changed
}

// change changes what is known, and wakes those that wait for it.
func (s *Store) change(how func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how()
	close(s.changed)
	s.changed = make(chan struct{})
}
