//go:build unix && !solaris && !aix

package main

import (
	"os"
	"syscall"
)

// noFollow is a flag for os.OpenFile: it refuses a symbolic link.
const noFollow = syscall.O_NOFOLLOW

// lock is undone by the kernel when the process ends, however it ends.
func lock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
