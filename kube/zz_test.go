package kube_test
import ("testing";"time";"fmt";"syscall")
func TestZZ(t *testing.T) {
	s := tell(t, list("{size: 2000, block: {size: 10}}"))
	b := time.Now()
	c := s.work("list", "-j1", "-v", "--", "true", "{start}")
	c.Start()
	time.AfterFunc(60*time.Second, func(){ c.Process.Signal(syscall.SIGTERM) })
	c.Wait()
	fmt.Println("fixed", time.Since(b), c.Stderr)
	s = tell(t, list("{size: 200000, block: {target: 1s}}"))
	b = time.Now()
	c = s.work("list", "-j2", "-v", "--pipe", "--", "sh", "-c", "wc -l; sleep 0.3")
	c.Start()
	time.AfterFunc(60*time.Second, func(){ c.Process.Signal(syscall.SIGTERM) })
	c.Wait()
	fmt.Println("target", time.Since(b), c.Stderr, c.Stdout)
}
