package testserver

import (
	"os"
	"syscall"
)

// attributes makes a program run as this user. The kernel kills the program when the
// thread that started it ends.
func attributes(uid, gid int) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if uid != os.Getuid() {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}
