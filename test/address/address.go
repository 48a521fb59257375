// Package address has addresses for servers that tests start in processes of their own.
package address

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

var addresses atomic.Int32

// Free is an address that nobody listens on. Its host, one of those that are all this machine (127.0.0.0/8), is used by nobody else: not
// by another test, nor by whoever asks for any port. So its port is free still when the server listens there, and when it is started anew.
func Free(t testing.TB) string {
	t.Helper()
	pid, n := os.Getpid(), addresses.Add(1)
	l, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 1+pid/250%250, 1+pid%250, 1+n%250))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
