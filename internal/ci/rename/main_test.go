package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

const ours = "github.com/id2meta/id2meta"

// Generated code is reproduced to the byte if only the path differs, and that is how
// protoc-gen-go would have written it.
func TestADescriptorIsWrittenAsProtocWouldWriteIt(t *testing.T) {
	files, err := filepath.Glob("../../../examples/frameworks/kratos/*/*.pb.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no generated code, %v", err)
	}
	path := ours
	if module, err := os.ReadFile("../../../go.mod"); err == nil { // this may be a renamed copy
		path = strings.Fields(string(module))[1]
	}
	for _, file := range files {
		for _, to := range []string{"a.b/c", path + "2", path + "/fork", "git.example.com/mirror/" + path, "git.example.com/a/very/long/path/that/needs/" + strings.Repeat("more/", 20) + "bytes"} {
			t.Run(filepath.Base(file)+" to "+to[:min(len(to), 60)], func(t *testing.T) {
				before, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				there, err := renameIn(file, before, path, to)
				if err != nil {
					t.Fatal(err)
				}
				if rest := strings.ReplaceAll(string(there), to, ""); strings.Contains(rest, path) || rest == string(there) {
					t.Error("the file has the old path, or has not the new one")
				}
				back, err := renameIn(file, there, to, path)
				if err != nil {
					t.Fatal(err)
				}
				if string(back) != string(before) {
					t.Error("there and back is another file")
				}
			})
		}
	}
}

func TestALengthFollowsThePath(t *testing.T) {
	raw, err := proto.Marshal(&descriptorpb.FileDescriptorProto{
		Name:    proto.String("x.proto"),
		Options: &descriptorpb.FileOptions{GoPackage: proto.String(ours + "/api;api")},
	})
	if err != nil {
		t.Fatal(err)
	}
	to := "git.example.com/" + strings.Repeat("x", 200) // its length takes two bytes
	renamed, err := renameDescriptor(string(raw), ours, to)
	if err != nil {
		t.Fatal(err)
	}
	var d descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal([]byte(renamed), &d); err != nil {
		t.Fatal(err)
	}
	if got := d.GetOptions().GetGoPackage(); got != to+"/api;api" {
		t.Errorf("go_package %q", got)
	}
}

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

func TestACodeWithoutDescriptorIsNotHalfRenamed(t *testing.T) {
	_, err := renameIn("x.pb.go", []byte("package x\n\nimport _ \""+ours+"/api\"\n"), ours, "a.b/c")
	if err == nil || !strings.Contains(err.Error(), "protoc") {
		t.Errorf("error %v", err)
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
