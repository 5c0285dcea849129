package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const source = `// Package sample is one.
package sample

import "context"

// Answer tells something.
const Answer = "42"

var ErrGone, hidden error

// T has a comment.
type T struct {
	Name   string // comment
	secret int
}

func (T) Get(ctx context.Context) (n int, err error) { return 0, nil }
func (*T) Set(n int)                                 {}
func (T) get()                                       {}

type I interface{ Do(x ...string) error }
type F func(int) bool
type A = T

func New(name string) (*T, error) { return nil, nil }
func private()                    {}
`

func declared(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":           "module example.com/sample\n\ngo 1.26.0\n",
		"sample.go":        source,
		"internal/in/x.go": "package in\n\nfunc Internal() {}\n",
		"cmd/tool/main.go": "package main\n\nfunc Exported() {}\n\nfunc main() {}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out strings.Builder
	if err := run(&out, []string{"./..."}); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out.String(), "example.com/sample: ", "")
}

func TestEachExportedDeclarationIsALine(t *testing.T) {
	want := `const Answer untyped string = "42"
func New(name string) (*T, error)
method (*T) Set(n int)
method (T) Get(ctx context.Context) (n int, err error)
type A = T
type F func(int) bool
type I interface
type I interface, method Do(x ...string) error
type T struct
type T struct, field Name string
var ErrGone error
`
	if got := declared(t, source); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatChangesTheOutput(t *testing.T) {
	before := declared(t, source)
	for name, test := range map[string]struct {
		old, new string
		changes  bool
	}{
		"a comment does not":               {"// Answer tells something.", "// Answer is a better text.", false},
		"a comment of a field does not":    {"// comment", "// another", false},
		"an unexported field does not":     {"secret int", "secret, more int", false},
		"an unexported function does not":  {"func private()", "func secret()", false},
		"an alias that is gone does":       {"type A = T\n", "", true},
		"the type of a field does":         {"Name   string", "Name   []byte", true},
		"a new exported field does":        {"secret int", "Public int", true},
		"the value of a constant does":     {`"42"`, `"43"`, true},
		"a receiver that is a value does":  {"(*T) Set", "(T) Set", true},
		"a method of an interface does":    {"Do(x ...string)", "Do(x string)", true},
		"a parameter of a function does":   {"New(name string)", "New(name []byte)", true},
		"the name of a variable does":      {"ErrGone", "ErrLost", true},
		"an exported function that is new": {"func private()", "func Private()", true},
	} {
		t.Run(name, func(t *testing.T) {
			after := strings.Replace(source, test.old, test.new, 1)
			if after == source {
				t.Fatalf("%q is not in the source", test.old)
			}
			if changed := declared(t, after) != before; changed != test.changes {
				t.Errorf("changed %v, want %v", changed, test.changes)
			}
		})
	}
}
