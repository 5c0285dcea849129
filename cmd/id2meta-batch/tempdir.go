package main

import (
	"os"
	"path/filepath"
	"strings"
)

// tempDir is a directory beside the output for the temporary files of excelize,
// which hold the people of a workbook in plaintext. It has the output's owner
// and disk, and nobody else can read it. A process that is killed leaves it
// behind, so the next run on the same output removes it.
type tempDir struct {
	out  string
	path string // "" until it is needed
}

// tempPrefix begins the names of the temporary files that excelize makes.
const tempPrefix = "excelize-"

func (d *tempDir) prefix() string { return filepath.Base(d.out) + ".tmp-" }

// get makes the directory when it is called first.
func (d *tempDir) get() (string, error) {
	if d.path != "" {
		return d.path, nil
	}
	path, err := os.MkdirTemp(filepath.Dir(d.out), d.prefix())
	d.path = path
	return path, err
}

// removeStale removes what killed runs left. The caller holds the lock on the
// output, so no other run needs it.
func (d *tempDir) removeStale() {
	entries, _ := os.ReadDir(filepath.Dir(d.out)) // what cannot be read cannot be removed either
	for _, e := range entries {
		path := filepath.Join(filepath.Dir(d.out), e.Name())
		if e.IsDir() && strings.HasPrefix(e.Name(), d.prefix()) && path != filepath.Clean(d.path) {
			removeTemporary(path)
		}
	}
}

func (d *tempDir) remove() {
	if d.path != "" {
		removeTemporary(d.path)
	}
}

// removeTemporary removes a directory and the temporary files in it. If it has
// other files, they and the directory stay.
func removeTemporary(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), tempPrefix) {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	os.Remove(dir)
}
