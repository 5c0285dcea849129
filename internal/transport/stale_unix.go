//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transport

import (
	"io"
	"net"
	"os"
	"syscall"
)

// isStale reports whether the server has closed an idle connection. net/http notices a
// closed connection only when its reading goroutine runs. A request that is written before
// that is lost, and looks the same as a request that was answered and billed.
//
// An HTTP/1.1 server sends nothing between two answers. So if there is anything to
// read, the server has closed the connection, or has sent an unexpected answer.
func isStale(conn net.Conn) bool {
	conn, own := ownSocket(conn)
	socket, ok := conn.(syscall.Conn)
	if !own || !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, peeked = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	// If net/http has closed the connection already, Control has failed.
	return err != nil || peeked != syscall.EAGAIN && peeked != syscall.EINTR
}

// Read implements [net.Conn]. It takes bytes from the socket under the lock. Otherwise a
// request could be written when bytes that arrived before are gone from the socket, and not
// counted yet.
func (c *conn) Read(p []byte) (n int, err error) {
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		n, failed = syscall.Read(int(fd), p)
		for failed == syscall.EINTR {
			n, failed = syscall.Read(int(fd), p)
		}
		isEmpty := failed == syscall.EAGAIN
		c.tried(p[:max(n, 0)], isEmpty)
		return !isEmpty
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", failed)}
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
