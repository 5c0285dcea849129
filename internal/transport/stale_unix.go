//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transport

import (
	"net"
	"syscall"
)

// closeStale closes a kept connection that the server has closed, and reports
// whether the connection was closed. The transport notices it only when its
// reading goroutine gets to run. A request that is written before that is lost,
// and cannot be told from a request that was answered and billed.
//
// Between two answers an HTTP/1.1 server has nothing to say. So if there is anything to
// read, the server has closed the connection, or has sent an answer too many.
func closeStale(conn net.Conn) bool {
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
	if err == nil && (peeked == syscall.EAGAIN || peeked == syscall.EINTR) {
		return false
	}
	conn.Close() // the transport may have closed it already; then Control failed
	return true
}
