package kube_test
import ("testing";"time";"fmt")
func TestZZ(t *testing.T) {
	s := tell(t, list("{size: 2000, block: {size: 10}}"))
	b := time.Now()
	c := s.run("list", "-j1", "--", "true", "{start}")
	fmt.Println("fixed", time.Since(b), c.Stderr)
	s2 := tell(t, list("{size: 2000000}"))
	b = time.Now()
	c = s2.run("list", "-j2", "--pipe", "--", "cat")
	fmt.Println("target", time.Since(b), c.Stderr)
	ev, _ := apiServer.Kubectl(t.Context(), "get", "events", "-n", s2.namespace)
	fmt.Println(ev)
}
