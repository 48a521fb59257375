package pools

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// finalizer keeps a pod until its program has stopped.
const finalizer = "test.teamtask.dev/kubelet"

// node runs the pods of a site: each for as long as it is there and is not being deleted.
type node struct {
	s     *site
	known chan struct{}      // closed once the Swarm is known
	swarm v1alpha1.SwarmSpec // how programs learn of their part

	mu       sync.Mutex
	rng      *rand.Rand
	programs map[types.UID]*program
	deaf     map[string]bool // pods whose next program never hears of anything new
	gentle   bool            // no pod may be deleted whose program runs something
}

// program is what runs in a pod.
type program struct {
	n       *node
	pod     types.UID
	name    string
	address string
	deaf    bool
	stop    context.CancelFunc
	touched chan struct{}
	cut     atomic.Bool // off from the API server

	mu      sync.Mutex
	runs    map[string]bool
	version int64
}

// addresses are given to pods: each has its own on the loopback.
var addresses atomic.Int64

// runNode plays the node until the test ends.
func runNode(s *site) *node {
	n := &node{s: s, known: make(chan struct{}), rng: chaos.Random(s.t), programs: map[types.UID]*program{}, deaf: map[string]bool{}}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { n.watch(ctx, &all) })
	s.t.Cleanup(func() { stop(); all.Wait() })
	return n
}

// follow says how programs learn of their part. None starts before.
func (n *node) follow(swarm v1alpha1.SwarmSpec) {
	n.swarm = swarm
	close(n.known)
}

// deafen has a pod's next program never hear of anything new.
func (n *node) deafen(pod string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deaf[pod] = true
}

// treatGently fails the test if a pod is deleted whose program runs something.
func (n *node) treatGently() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gentle = true
}

// dawdle takes some time, as everything does.
func (n *node) dawdle(ctx context.Context) {
	n.mu.Lock()
	d := time.Duration(n.rng.Int64N(int64(100 * time.Millisecond)))
	n.mu.Unlock()
	chaos.Pause(ctx, d)
}

// program is that of a pod.
func (n *node) program(pod types.UID) *program {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.programs[pod]
}

// watch starts and stops programs as pods come and go.
func (n *node) watch(ctx context.Context, all *sync.WaitGroup) {
	var pods corev1.PodList
	version := "0"
	for ctx.Err() == nil {
		events, err := n.s.client.Watch(ctx, &pods, client.InNamespace(n.s.ns), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}})
		if err != nil {
			chaos.Pause(ctx, 100*time.Millisecond)
			continue
		}
		for e := range events.ResultChan() {
			if pod, ok := e.Object.(*corev1.Pod); ok && e.Type != apiwatch.Deleted {
				version = pod.ResourceVersion
				n.see(ctx, pod, all)
			}
		}
		events.Stop()
	}
}

// see takes in a pod as it is.
func (n *node) see(ctx context.Context, pod *corev1.Pod, all *sync.WaitGroup) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.programs[pod.UID]
	if p == nil {
		number := addresses.Add(1)
		p = &program{n: n, pod: pod.UID, name: pod.Name, address: fmt.Sprintf("127.%d.%d.%d", 1+number>>16, number>>8&255, number&255), deaf: n.deaf[pod.Name], touched: make(chan struct{}, 1), runs: map[string]bool{}}
		delete(n.deaf, pod.Name)
		n.programs[pod.UID] = p
		life, stop := context.WithCancel(ctx)
		p.stop = stop
		all.Go(func() { p.live(ctx, life) })
	}
	if pod.DeletionTimestamp != nil {
		if n.gentle {
			p.mu.Lock()
			if len(p.runs) > 0 {
				n.s.t.Errorf("pod %s is deleted, and runs %v", p.name, p.runs)
			}
			p.mu.Unlock()
		}
		p.stop()
	}
	if pod.Annotations["teamtask.dev/touched"] != "" {
		select {
		case p.touched <- struct{}{}:
		default:
		}
	}
}

// live runs the program until the pod is being deleted, and then lets the pod go. ctx is the node's.
func (p *program) live(ctx, life context.Context) {
	select {
	case <-p.n.known:
		p.n.dawdle(life)
		p.start(life)
		if p.n.swarm.Refresh == v1alpha1.RefreshWatch {
			p.watch(life)
		} else {
			p.read(life)
		}
	case <-life.Done():
	}
	p.n.dawdle(ctx)
	p.apply(p.version, nil)
	for ctx.Err() == nil {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"uid":%q,"finalizers":null}}`, p.pod))
		err := p.n.s.client.Patch(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: p.n.s.ns, Name: p.name}}, patch)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return
		}
		chaos.Pause(ctx, 100*time.Millisecond)
	}
}

// start says that the pod runs.
func (p *program) start(ctx context.Context) {
	for ctx.Err() == nil {
		pod := &corev1.Pod{}
		err := p.n.s.client.Get(ctx, client.ObjectKey{Namespace: p.n.s.ns, Name: p.name}, pod)
		if err == nil && pod.UID == p.pod {
			pod.Status.Phase, pod.Status.PodIP, pod.Status.PodIPs = corev1.PodRunning, p.address, []corev1.PodIP{{IP: p.address}}
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			err = p.n.s.client.Status().Update(ctx, pod)
		}
		if err == nil || apierrors.IsNotFound(err) {
			return
		}
		chaos.Pause(ctx, 20*time.Millisecond)
	}
}

// apply has the program run these jobs, and nothing else: what is to stop has stopped before anything else starts.
func (p *program) apply(version int64, jobs []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := map[string]bool{}
	for _, j := range jobs {
		wanted[j] = true
	}
	for j := range p.runs {
		if !wanted[j] {
			p.n.s.owners.stop(j, p.pod)
		}
	}
	for _, j := range jobs {
		p.n.s.owners.start(j, p.pod)
	}
	p.runs, p.version = wanted, version
}

// listen has the program answer which version it runs, until ctx ends.
func (p *program) listen(ctx context.Context) {
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", p.address, p.n.swarm.VersionFrom.Port))
	if err != nil {
		p.n.s.t.Errorf("pod %s: %v", p.name, err)
		return
	}
	serve(ctx, l, func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return fmt.Sprintf(`{"version": %d}`, p.version)
	})
}
