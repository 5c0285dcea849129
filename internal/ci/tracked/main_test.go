package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"a text":                     {"package x\n", ""},
		"an empty file":              {"", ""},
		"one byte":                   {"M", ""},
		"a file of 200 KB":           {strings.Repeat("x", maxSize), ""},
		"a file of one byte more":    {strings.Repeat("x", maxSize+1), "larger than 200 KB"},
		"a program for Linux":        {"\x7fELF\x02\x01", "program for Linux"},
		"a program for Windows":      {"MZ\x90\x00", "program for Windows"},
		"a program for macOS":        {"\xcf\xfa\xed\xfe\x0c", "program for macOS"},
		"a program for several Macs": {"\xca\xfe\xba\xbe\x00", "program for macOS"},
		"a text that says ELF":       {"ELF", ""},
		"a script may be executable": {"#!/bin/sh\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte(test.content), 0o755); err != nil {
				t.Fatal(err)
			}
			problem, err := check(file)
			if err != nil || test.want == "" && problem != "" || !strings.Contains(problem, test.want) {
				t.Errorf("%q, %v, want %q", problem, err, test.want)
			}
		})
	}
	t.Run("a link and a file that was deleted are not looked at", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink("/proc/self/exe", link); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{link, link + "-gone"} {
			if problem, err := check(file); problem != "" || err != nil {
				t.Errorf("%q, %v", problem, err)
			}
		}
	})
}
