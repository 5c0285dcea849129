//go:build !linux

package testserver

import (
	"errors"
	"syscall"
)

// owner is a user of the system.
type owner struct{ uid, gid int }

func lookupOwner(string) (*owner, error) {
	return nil, errors.New("on this system the tests must run as another user")
}

// attributes returns nil: if a test does not stop its server, the server keeps running.
func attributes(*owner) *syscall.SysProcAttr { return nil }
