//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transport

import (
	"net"
	"syscall"
)

// closeStale closes a kept connection that its server has closed, and reports
// whether it was one. The transport notices such a connection only when its
// reading goroutine gets to run; a request that was written before that would
// be lost, and could not be told from one that was answered and billed.
//
// Between two answers an HTTP/1.1 server has nothing to say, so anything that
// there is to read is its farewell.
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
	conn.Close() // if it was not the transport that did it, hence the error
	return true
}
