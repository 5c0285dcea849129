//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transport

import (
	"net"
	"syscall"
)

// closeStale closes an idle connection that the server has closed, and reports whether
// the connection is closed. net/http notices a closed connection only when its reading
// goroutine runs. A request that is written before that is lost, and looks the same as
// a request that was answered and billed.
//
// An HTTP/1.1 server sends nothing between two answers. So if there is anything to
// read, the server has closed the connection, or has sent an unexpected answer.
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
	conn.Close() // if net/http has closed the connection already, Control has failed
	return true
}
