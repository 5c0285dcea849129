package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// tempDir is a folder beside the output for the output while it is written, and for the
// temporary files of excelize, which hold the people of a workbook in plaintext. Nobody
// else can read it.
type tempDir struct {
	path string
	lock *flock.Flock // held as long as this process lives
}

const lockName = "lock"

// newTempDir makes the folder, and removes those that killed runs left behind.
func newTempDir(out string) (*tempDir, error) {
	parent, prefix := filepath.Dir(out), "."+filepath.Base(out)+".tmp-"
	entries, _ := os.ReadDir(parent) // what cannot be read cannot be removed either
	for _, e := range entries {
		old := &tempDir{path: filepath.Join(parent, e.Name())}
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if _, err := os.Lstat(filepath.Join(old.path, lockName)); err != nil {
			continue
		}
		old.lock = flock.New(filepath.Join(old.path, lockName))
		if free, err := old.lock.TryLock(); err == nil && free {
			old.remove()
		}
	}
	path, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, err
	}
	d := &tempDir{path, flock.New(filepath.Join(path, lockName))}
	if _, err := d.lock.TryLock(); err != nil {
		d.remove()
		return nil, err
	}
	return d, nil
}

// remove removes the folder and what this program makes in it. If it has other files, they
// and the folder stay.
func (d *tempDir) remove() {
	entries, _ := os.ReadDir(d.path)
	for _, e := range entries {
		if e.Type().IsRegular() && (strings.HasPrefix(e.Name(), "excelize-") || e.Name() == partName) {
			os.Remove(filepath.Join(d.path, e.Name()))
		}
	}
	d.lock.Unlock()
	if left, err := os.ReadDir(d.path); err == nil && len(left) == 1 {
		os.Remove(filepath.Join(d.path, lockName))
		os.Remove(d.path)
	}
}
