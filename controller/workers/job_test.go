package workers

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func read(t *testing.T, file string) *v1alpha1.Worklist {
	t.Helper()
	manifest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list v1alpha1.Worklist
	if err := yaml.UnmarshalStrict(manifest, &list); err != nil {
		t.Fatal(err)
	}
	return &list
}

// The Job of each manifest in testdata/pod is that of the file beside it.
func TestJob(t *testing.T) {
	files, err := filepath.Glob("testdata/pod/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			list := read(t, file)
			before := list.DeepCopy()
			got, err := yaml.Marshal(Job(list, "teamtask:1"))
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".job"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("is not as in %s; go test -update, and look at what has changed:\n%s", golden, got)
			}
			if jobName(before) != jobName(list) {
				t.Error("the list itself was changed")
			}
		})
	}
}

// A name is of use wherever it is used, and tells apart what differs.
func TestNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := &v1alpha1.Worklist{}
		list.Name = rapid.StringMatching(`[a-z0-9]([a-z0-9]|-[a-z0-9]|\.[a-z0-9]){0,130}`).Filter(func(s string) bool { return len(s) <= 253 }).Draw(t, "name")
		list.UID = "1"
		list.Spec.Workers = &v1alpha1.WorkersSpec{}
		job := jobName(list)
		if bad := validation.IsDNS1123Label(job + "-99999-abcde"); bad != nil {
			t.Fatalf("pod %s: %v", job, bad)
		}
		if bad := validation.IsDNS1123Subdomain(accountName(list.Name)); bad != nil {
			t.Fatalf("account %s: %v", accountName(list.Name), bad)
		}
		if bad := validation.IsValidLabelValue(labelOf(list.Name)); bad != nil {
			t.Fatalf("label %s: %v", labelOf(list.Name), bad)
		}
		other := list.DeepCopy()
		other.Name += "x"
		if accountName(other.Name) == accountName(list.Name) || labelOf(other.Name) == labelOf(list.Name) {
			t.Fatalf("%s and %s share names", list.Name, other.Name)
		}
	})
}

// Another Job is made exactly when the pods are to be other ones, or the list is another one of the name.
func TestJobNameTellsWhatItWasMadeFrom(t *testing.T) {
	list := read(t, "testdata/pod/plain.yaml")
	for what, c := range map[string]struct {
		change func(*v1alpha1.Worklist)
		other  bool
	}{
		"uid":         {func(l *v1alpha1.Worklist) { l.UID = "5e6f" }, true},
		"slots":       {func(l *v1alpha1.Worklist) { l.Spec.Workers.Slots = 2 }, true},
		"image":       {func(l *v1alpha1.Worklist) { l.Spec.Workers.Template.Spec.Containers[0].Image = "primes:2" }, true},
		"label":       {func(l *v1alpha1.Worklist) { l.Spec.Workers.Template.Labels = map[string]string{"a": "b"} }, true},
		"parallelism": {func(l *v1alpha1.Worklist) { l.Spec.Workers.Parallelism = new(int32(9)) }, false},
		"suspend":     {func(l *v1alpha1.Worklist) { l.Spec.Suspend = true }, false},
	} {
		changed := list.DeepCopy()
		c.change(changed)
		if other := jobName(changed) != jobName(list); other != c.other {
			t.Errorf("%s: another Job: %t", what, other)
		}
	}
}
