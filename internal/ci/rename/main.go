// Rename gives a copy of this repository a module path of its own, in every file that
// git tracks. It is started by .ci/rename-module at the top of the repository:
//
//	rename OLD NEW
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/mod/module"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: rename OLD NEW")
		os.Exit(2)
	}
	changed, err := rename(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "rename-module:", err)
		os.Exit(1)
	}
	fmt.Printf("%d files now say %s\n", changed, os.Args[2])
}

func rename(from, to string) (changed int, err error) {
	if err := module.CheckPath(to); err != nil {
		return 0, err
	}
	if _, major, _ := module.SplitPathVersion(to); major != "" {
		return 0, fmt.Errorf("%s: the path of this version must not end in %s", to, major)
	}
	if to == from {
		return 0, fmt.Errorf("the module path is %s already", to)
	}
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		return 0, fmt.Errorf("git ls-files: %w", err)
	}
	files := map[string][]byte{} // nothing is written before every file is known to be good
	for _, file := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		before, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		after, err := renameIn(file, before, from, to)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		if !bytes.Equal(before, after) {
			files[file] = after
		}
	}
	for file, content := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(file, content, info.Mode()); err != nil {
			return 0, err
		}
	}
	return len(files), nil
}

func renameIn(file string, content []byte, from, to string) ([]byte, error) {
	if !bytes.Contains(content, []byte(from)) || !utf8.Valid(content) {
		return content, nil
	}
	content = replace(content, from, to)
	if filepath.Ext(file) == ".go" { // another path sorts elsewhere among the imports
		return format.Source(content)
	}
	return content, nil
}

// replace replaces a path wherever it is whole: a.b/go is no part of a.b/go-redis. The
// tests of package a.b/go are package a.b/go_test.
func replace(content []byte, from, to string) []byte {
	whole := regexp.MustCompile(regexp.QuoteMeta(from) + `(_test\b|[^A-Za-z0-9_~-]|$)`)
	return whole.ReplaceAll(content, []byte(to+"${1}"))
}
