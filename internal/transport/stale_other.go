//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package transport

import "net"

// closeStale does nothing where a socket cannot be asked without reading it.
func closeStale(net.Conn) bool { return false }
