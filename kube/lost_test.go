package kube_test

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
)

// as is a client of a user, who is a pod if that has a name.
func (s *stage) as(user, pod string) ctrl.WithWatch {
	s.Helper()
	config, err := configOf(apiServer.Kubeconfig)
	s.must(err)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	if pod != "" {
		config.Impersonate.Extra = map[string][]string{"authentication.kubernetes.io/pod-name": {pod}}
	}
	c, err := kube.NewClient(config)
	s.must(err)
	return c
}

// held makes a Block that holds ten items from index on, of which the first three are done. Who makes it says that it is worker w.
func (s *stage) held(c ctrl.WithWatch, list string, index int64) *v1alpha1.Block {
	s.Helper()
	b := s.waiting(c, list)
	s.give(b, index, 10)
	s.must(s.Get(s.Context(), ctrl.ObjectKeyFromObject(b), b))
	b.Status.Done, b.Status.DoneRanges = 3, []v1alpha1.Range{{Index: index, Size: 3}}
	b.Status.FailedRanges = []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: index + 9, Size: 1}, Reason: "exit status 1", Final: true}}
	s.must(c.Status().Update(s.Context(), b))
	return b
}

// waiting makes a Block that has no range.
func (s *stage) waiting(c ctrl.WithWatch, list string) *v1alpha1.Block {
	s.Helper()
	b := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "b-"},
		Spec: v1alpha1.BlockSpec{Worklist: list, Worker: "w", Refill: true}}
	s.must(c.Create(s.Context(), b))
	return b
}

// A process that starts anew in its pod turns in what the former one held: what is done counts, the rest has failed. Blocks without
// a range are deleted. Those of others are left alone, whatever they call themselves; so are other lists.
func TestRecover(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	s.must(s.Create(t.Context(), &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "other"}, Spec: v1alpha1.WorklistSpec{Size: 1000}}))
	pod := s.as("worker", "w")
	mine, wait := s.held(pod, "primes", 0), s.waiting(pod, "primes")
	others := []*v1alpha1.Block{s.held(s.WithWatch, "primes", 20), s.held(s.as("worker", "w2"), "primes", 40), s.held(pod, "other", 0)}
	lost, err := kube.Recover(t.Context(), pod, s.namespace, "primes")
	if lost != 1 || err != nil {
		t.Fatalf("%d, %v", lost, err)
	}
	for _, b := range []*v1alpha1.Block{mine, wait} {
		s.must(s.Get(t.Context(), ctrl.ObjectKeyFromObject(b), b))
		if b.DeletionTimestamp == nil {
			t.Errorf("%+v is not deleted", b.Status)
		}
	}
	st := mine.Status
	if st.Finished() != v1alpha1.BlockDone || st.Done != 3 || !slices.Equal(st.DoneRanges, []v1alpha1.Range{{Index: 0, Size: 3}}) ||
		!slices.Equal(st.FailedRanges, []v1alpha1.FailedItems{
			{Range: v1alpha1.Range{Index: 3, Size: 6}, Reason: "its worker was lost: the process started anew"},
			{Range: v1alpha1.Range{Index: 9, Size: 1}, Reason: "exit status 1", Final: true}}) {
		t.Errorf("%+v", st)
	}
	for _, b := range others {
		before := b.ResourceVersion
		if s.must(s.Get(t.Context(), ctrl.ObjectKeyFromObject(b), b)); b.ResourceVersion != before {
			t.Errorf("%s's Block of %s was touched: %+v", b.Spec.User, b.Spec.Worklist, b.Status)
		}
	}
	if lost, err := kube.Recover(t.Context(), pod, s.namespace, "primes"); lost != 0 || err != nil {
		t.Errorf("once more: %d, %v", lost, err)
	}
	if lost, err := kube.Recover(t.Context(), pod, s.namespace, ""); lost != 1 || err != nil {
		t.Errorf("of all lists: %d, %v", lost, err)
	}
}

// Outside of a pod a worker's name is its own choice, so nothing is anybody's to turn in.
func TestRecoverOutsideOfPods(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	c := s.as("worker", "")
	s.held(c, "primes", 0)
	if lost, err := kube.Recover(t.Context(), c, s.namespace, "primes"); lost != 0 || err != nil {
		t.Errorf("%d, %v", lost, err)
	}
	s.block(func(b *v1alpha1.Block) bool { return b.Status.Held() })
}

// An item that ends its worker's process each time is split off and given up, though no lease ever runs out: the process that starts
// anew in the pod turns in what it had.
func TestWorkRecovers(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 4, block: {size: 4, timeout: 1h, maxAttempts: 1, backoff: {initial: 10ms}}}"))
	kubeconfig := s.pod("w")
	for n := 0; ; n++ {
		cmd := s.work("list", "-j1", "--kubeconfig", kubeconfig, "--", "sh", "-c", "test {} != 2 || { echo >poison; sleep 1000; }")
		// The first process in its container, which nobody in there could kill.
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		if os.Getuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		}
		if err := cmd.Start(); err != nil {
			t.Skip("there are no containers here:", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if poison := s.either("poison", ended); !poison {
			if n < 2 {
				t.Errorf("it was killed %d times only: %v", n, cmd.Stderr)
			}
			break
		}
		cmd.Process.Kill()
		<-ended
		os.Remove(s.file("poison"))
	}
	st := s.status()
	if st.Phase() != v1alpha1.PhaseComplete || st.Done != 3 || len(st.FailedRanges) != 1 || st.FailedRanges[0].Index != 2 || st.FailedRanges[0].Size != 1 ||
		st.FailedRanges[0].Reason != "its worker was lost: the process started anew" {
		t.Errorf("%+v", st)
	}
	s.none()
}

// pod is the kubeconfig of a worker who is that pod.
func (s *story) pod(name string) string {
	s.Helper()
	config, err := clientcmd.LoadFromFile(apiServer.Kubeconfig)
	if err != nil {
		s.Fatal(err)
	}
	for _, user := range config.AuthInfos {
		user.Impersonate, user.ImpersonateGroups = "worker", []string{"system:authenticated"}
		user.ImpersonateUserExtra = map[string][]string{"authentication.kubernetes.io/pod-name": {name}}
	}
	file := s.file("kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		s.Fatal(err)
	}
	return file
}

// either waits until a file is there, or a worker has ended.
func (s *story) either(name string, ended chan error) (there bool) {
	s.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				s.Error(err)
			}
			return false
		case <-look.C:
			if _, err := os.Stat(s.file(name)); err == nil {
				return true
			}
		}
	}
}
