//go:build !linux

package testserver

import "syscall"

// attributes returns nil: a server runs as the user who runs the test. If the test does
// not stop the server, it keeps running.
func attributes(_, _ int) *syscall.SysProcAttr { return nil }
