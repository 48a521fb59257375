package kube_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Lines are changed after some of them were handed out. A worker that comes then, and would take one for another, does not begin.
func TestWorkLinesChanged(t *testing.T) {
	t.Parallel()
	s := tell(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fruit}\ndata: {lines: \"apple\\nplum\\npear\\ncherry\\n\"}\n---\n"+
		list("{items: {lines: {configMap: {name: fruit}}}, block: {size: 2, maxAttempts: 1}}"))
	early := s.work("list", "-j1", "--", "sh", "-c", "test {} != pear || kill $PPID; echo {} >>done; sleep 1")
	early.Run() // it is told to go on the way
	if st := s.status(); st.Phase().Over() || st.Next == 0 {
		t.Fatalf("%+v", st)
	}
	fruit := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "fruit"}, Data: map[string]string{"lines": "apple\nplum\nPEAR\nCHERRY\n"}}
	if err := s.Update(t.Context(), fruit); err != nil {
		t.Fatal(err)
	}
	late := s.work("list", "-j1", "--", "sh", "-c", "echo {} >>done")
	if err := late.Run(); err == nil || !strings.Contains(fmt.Sprint(late.Stderr), "put them back") {
		t.Errorf("%v: %v", err, late.Stderr)
	}
	for _, line := range s.lines("done") {
		if line == "PEAR" || line == "CHERRY" {
			t.Errorf("a worker did %s, which is none of the items", line)
		}
	}
	fruit.Data["lines"] = "apple\nplum\npear\ncherry\n"
	if err := s.Update(t.Context(), fruit); err != nil {
		t.Fatal(err)
	}
	s.run("list", "-j1", "--", "sh", "-c", "true")
	if st := s.status(); st.Done != 4 {
		t.Errorf("%+v", st)
	}
}
