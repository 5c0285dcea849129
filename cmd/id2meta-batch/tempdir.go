package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
)

// makeTemp makes a folder beside the output for the output while it is written, and for the
// temporary files of excelize, which hold the people of a workbook in plaintext. Nobody else
// can read it. What a killed run left in it is removed.
func makeTemp(out string) (path string, remove func(), err error) {
	path = filepath.Join(filepath.Dir(out), "."+filepath.Base(out)+".id2meta-tmp")
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", nil, err
	}
	if info, err := os.Lstat(path); err != nil || !info.IsDir() || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", nil, fmt.Errorf("%s is no folder that only you can read: remove it", path)
	}
	lock := flock.New(filepath.Join(path, "lock"))
	if free, err := lock.TryLock(); err != nil || !free {
		return "", nil, errors.Join(fmt.Errorf("another run writes %s, or its folder cannot be locked", out), err)
	}
	clean := func() {
		entries, _ := os.ReadDir(path) // what cannot be read cannot be removed either
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "excelize-") || e.Name() == partName {
				os.Remove(filepath.Join(path, e.Name()))
			}
		}
	}
	clean()
	return path, func() {
		clean()
		lock.Unlock()
		os.Remove(lock.Path())
		os.Remove(path) // unless it has other files
	}, nil
}
