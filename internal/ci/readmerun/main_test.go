package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhichBlocksAreRun(t *testing.T) {
	for name, test := range map[string]struct {
		page string
		want []bool // of each sh block, whether it is run
	}{
		"go run of a folder":              {"```sh\ngo run ./examples/verify\n```", []bool{true}},
		"several lines with comments":     {"```sh\n# first\ngo test ./... # all\n\ngo doc .\n```", []bool{true}},
		"a line that goes on":             {"```sh\ngo run ./x \\\n  -name y\n```", []bool{true}},
		"a command of the system":         {"```sh\napt-get install redis-server\n```", []bool{false}},
		"one command of the system in it": {"```sh\ngo test ./...\nrm -r x\n```", []bool{false}},
		"go get":                          {"```sh\ngo get github.com/id2meta/id2meta\n```", []bool{false}},
		"a version that is installed":     {"```sh\ngo run example.com/x@latest\n```", []bool{false}},
		"a block that is excluded":        {"<!-- not run: it serves until it is stopped -->\n```sh\ngo run ./cmd/x\n```", []bool{false}},
		"a block after another comment":   {"<!-- note -->\n```sh\ngo run ./cmd/x\n```", []bool{true}},
		"a comment alone":                 {"```sh\n# nothing\n```", []bool{false}},
		"Go and unmarked blocks":          {"```go\ngo f()\n```\n\n```\ngo run .\n```\n\n    go run .\n", nil},
		"a block in a list":               {"- try:\n\n  ```sh\n  go vet .\n  ```\n", []bool{true}},
	} {
		t.Run(name, func(t *testing.T) {
			found := blocks([]byte(test.page))
			if len(found) != len(test.want) {
				t.Fatalf("%d blocks, want %d", len(found), len(test.want))
			}
			for i, b := range found {
				if b.run != test.want[i] {
					t.Errorf("block %d: run %v, want %v", i, b.run, test.want[i])
				}
			}
		})
	}
}

func TestACommandThatFailsIsTold(t *testing.T) {
	for name, test := range map[string]struct{ page, want string }{
		"a folder that is not there": {"```sh\ngo vet ./gone\ngo list std\n```", "it fails"},
		"no block at all":            {"# Nothing\n", "no block of commands"},
		"a good command":             {"```sh\ngo list fmt\n```", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "README.md")
			if err := os.WriteFile(file, []byte(test.page), 0o644); err != nil {
				t.Fatal(err)
			}
			err := run(file)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
