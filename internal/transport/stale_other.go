//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package transport

import "net"

// isStale cannot look at a socket without reading from it.
func isStale(net.Conn) bool { return false }

// Read implements [net.Conn]. Bytes may be taken and not counted yet, unlike on the other
// systems.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.tried(nil, true)
	c.mu.Unlock()
	n, err := c.tcp.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried(p[:n], false)
	return n, err
}
