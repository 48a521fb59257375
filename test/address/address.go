// Package address has addresses for servers that tests start, in processes of their own or not.
package address

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
)

var hosts atomic.Int32

// Host is one of those that are all this machine (127.0.0.0/8), which nobody else uses: not another test, nor whoever asks for any port. So all its
// ports are free, and stay so until a server listens there, and when it is started anew.
func Host() netip.Addr {
	pid, n := os.Getpid(), hosts.Add(1)
	return netip.AddrFrom4([4]byte{127, byte(1 + pid/250%250), byte(1 + pid%250), byte(1 + n%250)})
}

// Free is an address that nobody listens on, at a Host.
func Free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(Host(), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
