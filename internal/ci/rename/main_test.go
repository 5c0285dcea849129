package main

import "testing"

const ours = "github.com/id2meta/id2meta"

func TestWhatCannotBeAModulePath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, to := range []string{"", "nodot", "https://git.example.com/x", "git.example.com/x y", "git.example.com/x/", "git.example.com/x/v2", ours} {
		if n, err := rename(ours, to); err == nil || n != 0 {
			t.Errorf("%q: %d files, %v", to, n, err)
		}
	}
}

// In a copy whose path is short, the paths of others may begin with the same letters.
func TestOnlyTheWholePathIsRenamed(t *testing.T) {
	for before, want := range map[string]string{
		"a.b/go":                      "c.d/e",
		"a.b/go/sub and a.b/go.":      "c.d/e/sub and c.d/e.",
		"https://a.b/go.git":          "https://c.d/e.git",
		"`a.b/go`,a.b/go@v1,(a.b/go)": "`c.d/e`,c.d/e@v1,(c.d/e)",
		"路径a.b/go是":                   "路径c.d/e是",
		"a.b/go a.b/go\na.b/go":       "c.d/e c.d/e\nc.d/e",
		"a.b/go-redis/redis":          "a.b/go-redis/redis",
		"a.b/go2 and a.b/go_x":        "a.b/go2 and a.b/go_x",
		"axb/go":                      "axb/go",
		`"\na.b/go"`:                  `"\nc.d/e"`,
		"a.b/go_test.TestX":           "c.d/e_test.TestX",
		"a.b/go_testing":              "a.b/go_testing",
	} {
		got, err := renameIn("x.md", []byte(before), "a.b/go", "c.d/e")
		if err != nil || string(got) != want {
			t.Errorf("%q became %q, %v, want %q", before, got, err, want)
		}
	}
}

func TestImportsStaySorted(t *testing.T) {
	got, err := renameIn("x.go", []byte("package x\n\nimport (\n\t_ \"github.com/a/b\"\n\t_ \""+ours+"\"\n)\n"), ours, "a.b/c")
	if err != nil {
		t.Fatal(err)
	}
	if want := "package x\n\nimport (\n\t_ \"a.b/c\"\n\t_ \"github.com/a/b\"\n)\n"; string(got) != want {
		t.Errorf("got %s", got)
	}
}
