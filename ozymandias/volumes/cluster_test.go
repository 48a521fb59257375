package volumes_test

import (
	"errors"
	"testing"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/volumes"
)

// A cluster takes volumes of jobs that it does not know for left over and deletes them. So one never opens those of another: not on the
// disk of a machine that has changed hands, nor in a directory that two clusters were given.
func TestAnotherCluster(t *testing.T) {
	v := schedule.Volume{Instance: schedule.Instance{Job: "019a-uid"}, Name: "uploads", Space: mega}
	for name, in := range map[string]func(*testing.T) volumes.Options{
		"the node's own": func(t *testing.T) volumes.Options { return volumes.Options{Dir: place(t)} },
		"in common":      func(t *testing.T) volumes.Options { return volumes.Options{Dir: place(t), Shared: t.TempDir()} },
	} {
		t.Run(name, func(t *testing.T) {
			o := in(t)
			opened := func(cluster string) volumes.Options {
				o := o
				if o.Cluster = cluster; o.Shared != "" {
					o.Dir = place(t) // of another machine
				}
				return o
			}
			s, err := volumes.Open(patient(t), opened("ours"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, ensure(t, s, v)+"/file", "precious")
			if _, err := volumes.Open(patient(t), opened("theirs")); !errors.Is(err, volumes.ErrOtherCluster) {
				t.Errorf("another cluster opens them: %v", err)
			}
			if s, err = volumes.Open(patient(t), opened("ours")); err != nil {
				t.Fatal(err)
			}
			has(t, ensure(t, s, v)+"/file", "precious")
			if shared, err := s.Shared(); err != nil || o.Shared != "" && len(shared) != 1 {
				t.Errorf("Shared() = %v, %v", shared, err)
			}
			// Whoever removes what a node has left need not know of which cluster it was.
			if _, err := volumes.Open(patient(t), opened("")); err != nil {
				t.Error(err)
			}
		})
	}
}

// Volumes from before they were marked are whoever's comes first.
func TestMark(t *testing.T) {
	dir := place(t)
	s, err := volumes.Open(patient(t), volumes.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	write(t, ensure(t, s, volume("data", mega))+"/file", "precious")
	if _, err := volumes.Open(patient(t), volumes.Options{Dir: dir, Cluster: "ours"}); err != nil {
		t.Fatal(err)
	}
	if _, err := volumes.Open(patient(t), volumes.Options{Dir: dir, Cluster: "theirs"}); !errors.Is(err, volumes.ErrOtherCluster) {
		t.Errorf("another cluster opens them: %v", err)
	}
}
