package ingress

import (
	"cmp"
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// connectWithin is far more than a connection in the cluster takes; a lost SYN is sent anew after 1 s.
	connectWithin = 3 * time.Second
	// unheardFor is how long nothing may be heard of the machine at the other end, though it was sent something: far more than a
	// network in order loses, and less than it takes until a node is known to be lost.
	unheardFor = 5 * time.Second
	// resent is how often the kernel has sent it again by then, at least: after 0.2, 0.6, 1.4 and 3 s.
	resent = 4
	// lookAfter is the time between two looks at a connection.
	lookAfter = time.Second
)

// dialer has the kernel end a connection on which nothing is under way to the other end, if that gives no sign of life.
var dialer = &net.Dialer{
	Timeout:         connectWithin,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: connectWithin, Interval: time.Second, Count: int(connectWithin / time.Second)},
}

// dial connects to an instance. A connection to a machine that is lost ends, so that whoever waits for an answer hears of it, and most
// are answered by another instance.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	watch(c.(*net.TCPConn))
	return c, nil
}

// watch looks at a connection until it is closed. If its other end is lost, reading and writing fail from then on, as they took too long.
//
// The kernel by itself would send for a quarter of an hour what is not acknowledged. TCP_USER_TIMEOUT shortens that, but it also takes
// for lost who lives and only does not read for so long: an instance that is busy with the first part of a long body.
func watch(c *net.TCPConn) {
	time.AfterFunc(lookAfter, func() {
		switch lost, err := isLost(c); {
		case err != nil: // it is closed
		case lost:
			c.SetDeadline(time.Unix(0, 0))
		default:
			watch(c)
		}
	})
}

// isLost tells whether the machine at the other end does not even acknowledge what it is sent, which it does for who does not read.
func isLost(c *net.TCPConn) (bool, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return false, err
	}
	var info *unix.TCPInfo
	var failed error
	err = raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err = cmp.Or(err, failed); err != nil {
		return false, err
	}
	silence := time.Duration(info.Last_ack_recv) * time.Millisecond
	return info.Unacked > 0 && info.Retransmits >= resent && silence >= unheardFor, nil
}
