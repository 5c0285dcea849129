// Package ci tests the scripts in .ci and what GitHub is told about this repository.
// The programs that the scripts use are in the folders below.
package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const top = "../.."

// command runs a command in dir and returns what it printed.
func command(t *testing.T, dir string, name string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	output, err := c.CombinedOutput()
	return string(output), err
}

func must(t *testing.T, dir string, name string, args ...string) string {
	t.Helper()
	output, err := command(t, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return output
}

// copyOfRepository returns a repository of its own, on branch main, with one commit:
// the files that git tracks here, as they are now.
func copyOfRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range strings.Split(strings.TrimSuffix(must(t, top, "git", "ls-files", "-z"), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(top, file))
		if os.IsNotExist(err) {
			continue // deleted, and not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, file), string(content), info.Mode())
	}
	must(t, dir, "git", "init", "-q", "-b", "main")
	must(t, dir, "git", "config", "user.name", "test")
	must(t, dir, "git", "config", "user.email", "test@example.com")
	commit(t, dir)
	return dir
}

func write(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// edit replaces a text that must be there.
func edit(t *testing.T, file, old, new string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), old) {
		t.Fatalf("%s does not have %q", file, old)
	}
	write(t, file, strings.Replace(string(content), old, new, 1), 0o644)
}

// root is the path of the root module; in a renamed copy it is another one.
func root(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(must(t, top, "go", "list", "-m"))
}

func commit(t *testing.T, dir string) {
	t.Helper()
	must(t, dir, "git", "add", "-A")
	must(t, dir, "git", "commit", "-q", "--allow-empty", "-m", "test")
}

// modules returns the folders of all modules, "." among them.
func modules(t *testing.T) []string {
	t.Helper()
	return strings.Fields(must(t, top, "bash", "-c", ". .ci/lib; modules"))
}

// readyToRelease returns a copy in which version 0.99.9 can be released. Its consumer
// check is replaced by one that passes: .ci/run has run the real one.
func readyToRelease(t *testing.T) string {
	t.Helper()
	dir := copyOfRepository(t)
	write(t, filepath.Join(dir, ".ci/consumer"), "#!/bin/sh\ntouch .git/consumer-was-asked\n", 0o755)
	write(t, filepath.Join(dir, "CHANGELOG.md"), "# Changelog\n\n## 0.99.9 (2026-11-26)\n\n- A change.\n\n## 0.99.8 (2026-11-25)\n\n- Older.\n", 0o644)
	must(t, dir, ".ci/set-version", "0.99.9")
	commit(t, dir)
	return dir
}

func TestRelease(t *testing.T) {
	ready := readyToRelease(t)
	clone := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "clone")
		must(t, ".", "git", "clone", "-q", ready, dir)
		must(t, dir, "git", "config", "user.name", "test")
		must(t, dir, "git", "config", "user.email", "test@example.com")
		return dir
	}
	tags := func(t *testing.T, dir string) []string { return strings.Fields(must(t, dir, "git", "tag")) }

	t.Run("makes the tags of all published modules and pushes nothing", func(t *testing.T) {
		dir := clone(t)
		output := must(t, dir, ".ci/release", "0.99.9")
		if !strings.Contains(output, "in this order: v0.99.9 redis/v0.99.9\n") {
			t.Errorf("output:\n%s", output)
		}
		if got := tags(t, dir); !slices.Equal(got, []string{"redis/v0.99.9", "v0.99.9"}) {
			t.Errorf("tags %q", got)
		}
		if got := tags(t, ready); len(got) != 0 {
			t.Errorf("pushed %q", got)
		}
		if _, err := os.Stat(filepath.Join(dir, ".git/consumer-was-asked")); err != nil {
			t.Error("there was no consumer check")
		}
	})
	t.Run("takes a version with v", func(t *testing.T) {
		must(t, clone(t), ".ci/release", "v0.99.9")
	})
	t.Run("needs no remote", func(t *testing.T) {
		dir := clone(t)
		must(t, dir, "git", "remote", "remove", "origin")
		must(t, dir, ".ci/release", "0.99.9")
	})

	path := root(t)
	changelog := func(content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { write(t, dir+"/CHANGELOG.md", "# Changelog\n\n"+content, 0o644) }
	}
	requires := func(module, old, new string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { edit(t, filepath.Join(dir, module, "go.mod"), old, new) }
	}
	// tagOnOrigin gives the clone an origin of its own, which has a tag that the clone
	// does not have.
	tagOnOrigin := func(args ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			origin := filepath.Join(t.TempDir(), "origin")
			must(t, ".", "git", "clone", "-q", "--bare", dir, origin)
			must(t, origin, "git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com", "tag"}, args...)...)
			must(t, dir, "git", "remote", "set-url", "origin", origin)
		}
	}

	for name, test := range map[string]struct {
		change  func(t *testing.T, dir string)
		dirty   bool // whether change is left uncommitted
		version string
		want    string
	}{
		"a changed file": {func(t *testing.T, dir string) { edit(t, dir+"/LICENSE", "a", "b") }, true, "0.99.9", "uncommitted changes"},
		"a new file":     {func(t *testing.T, dir string) { write(t, dir+"/new.go", "package id2meta\n", 0o644) }, true, "0.99.9", "uncommitted changes"},
		"a staged file": {func(t *testing.T, dir string) {
			write(t, dir+"/new.go", "package id2meta\n", 0o644)
			must(t, dir, "git", "add", "new.go")
		}, true, "0.99.9", "uncommitted changes"},
		"another branch":        {func(t *testing.T, dir string) { must(t, dir, "git", "switch", "-q", "-c", "work") }, false, "0.99.9", "not main"},
		"a detached head":       {func(t *testing.T, dir string) { must(t, dir, "git", "switch", "-q", "--detach") }, false, "0.99.9", "not main"},
		"a version that exists": {func(t *testing.T, dir string) { must(t, dir, "git", "tag", "v0.99.9") }, false, "0.99.9", "the tag v0.99.9 exists"},
		"a version that exists for a nested module": {func(t *testing.T, dir string) { must(t, dir, "git", "tag", "redis/v0.99.9") },
			false, "0.99.9", "the tag redis/v0.99.9 exists"},
		"a version that exists on origin alone":    {tagOnOrigin("v0.99.9"), false, "0.99.9", "the tag v0.99.9 exists on origin"},
		"an annotated tag that is on origin alone": {tagOnOrigin("-a", "-m", "x", "redis/v0.99.9"), false, "0.99.9", "the tag redis/v0.99.9 exists on origin"},
		"an origin that cannot be reached": {func(t *testing.T, dir string) { must(t, dir, "git", "remote", "set-url", "origin", dir+"/nowhere") },
			false, "0.99.9", "origin cannot be reached"},
		"no changelog entry":             {nil, false, "0.99.10", "the first entry of CHANGELOG.md is not 0.99.10"},
		"an entry that is not the first": {nil, false, "0.99.8", "the first entry of CHANGELOG.md is not 0.99.8"},
		"an entry without a date":        {func(t *testing.T, dir string) { edit(t, dir+"/CHANGELOG.md", "(2026-11-26)", "(unreleased)") }, false, "0.99.9", "has no date"},
		"an empty entry":                 {func(t *testing.T, dir string) { edit(t, dir+"/CHANGELOG.md", "- A change.", "") }, false, "0.99.9", "is empty"},
		"an entry of headings alone":     {changelog("## 0.99.9 (2026-11-26)\n\n### Added\n\n #### Fixed\n\n###\n\n## 0.99.8 (2026-11-25)\n\n- Older.\n"), false, "0.99.9", "is empty"},
		"an entry of comments alone": {changelog("## 0.99.9 (2026-11-26)\n\n<!-- To be\nwritten -->\n\n<!-- ## 0.99.8 -->\n<!--\n## 0.99.7\n-->\n\n## 0.99.6 (2026-11-25)\n\n- Older.\n"),
			false, "0.99.9", "is empty"},
		"an entry of headings, comments, bullets and addresses": {changelog("## 0.99.9 (2026-11-26)\n\n### Added\n\n- <!-- what? -->\n* \n\n---\n\n[0.99.9]: https://git.example.com/x\n"),
			false, "0.99.9", "is empty"},
		"an entry in a comment that nobody closes": {changelog("## 0.99.9 (2026-11-26)\n\n<!--\n- A change.\n"), false, "0.99.9", "is empty"},
		"an entry that is a comment":               {changelog("<!--\n## 0.99.9 (2026-11-26)\n\n- A change.\n-->\n\n## 0.99.8 (2026-11-25)\n\n- Older.\n"), false, "0.99.9", "the first entry of CHANGELOG.md is not 0.99.9"},
		"no changelog":                             {func(t *testing.T, dir string) { os.Remove(dir + "/CHANGELOG.md") }, false, "0.99.9", "CHANGELOG.md"},
		"another constant": {func(t *testing.T, dir string) {
			must(t, dir, "sed", "-i", `s/^const version = .*/const version = "0.99.8"/`, must(t, dir, "sh", "-c", `printf %s "$(grep -l '^const version = ' *.go)"`))
		}, false, "0.99.9", "the constant version"},
		"a nested module that requires another version of the root": {requires("redis", path+" v0.99.9", path+" v0.99.8"),
			false, "0.99.9", "redis requires " + path + " v0.99.8 and not v0.99.9"},
		"another version behind two spaces": {requires("redis", path+" v0.99.9", path+"  v0.99.8"), false, "0.99.9", "redis requires " + path + " v0.99.8"},
		"another version of a quoted path":  {requires("redis", path+" v0.99.9", `"`+path+`" v0.99.8`), false, "0.99.9", "redis requires " + path + " v0.99.8"},
		"another version in quotes":         {requires("redis", path+" v0.99.9", path+` "v0.99.8"`), false, "0.99.9", "redis requires " + path + " v0.99.8"},
		"another version in a second line": {requires("redis", path+" v0.99.9", path+" v0.99.9\n\t"+path+" v0.99.10"),
			false, "0.99.9", "redis requires " + path + " v0.99.10"},
		"an example that requires another version of a nested module": {requires("examples/withdraw", "redis v0.99.9", "redis v0.0.0"),
			false, "0.99.9", "examples/withdraw requires"},
		"another version of a module whose own path is quoted": {func(t *testing.T, dir string) {
			edit(t, dir+"/redis/go.mod", "module "+path+"/redis", `module  "`+path+`/redis" // quoted`)
			edit(t, dir+"/examples/withdraw/go.mod", "redis v0.99.9", "redis v0.0.0")
		}, false, "0.99.9", "examples/withdraw requires"},
		"a go.mod that cannot be read": {requires("redis", path+" v0.99.9", path+" 0.99.9"), false, "0.99.9", "redis/go.mod cannot be read"},
		"a consumer that cannot build": {func(t *testing.T, dir string) {
			write(t, dir+"/.ci/consumer", "#!/bin/sh\nexit 1\n", 0o755)
		}, false, "0.99.9", "the consumer check fails"},
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			t.Parallel()
			dir := clone(t)
			if test.change != nil {
				test.change(t, dir)
				if !test.dirty {
					commit(t, dir)
				}
			}
			before := tags(t, dir)
			output, err := command(t, dir, ".ci/release", test.version)
			if err == nil || !strings.Contains(output, test.want) {
				t.Errorf("%v, %q, want %q", err, output, test.want)
			}
			if lines := strings.Count(output, "\n"); lines != 1 || !strings.HasPrefix(output, "release: ") || !strings.Contains(output, "nothing was tagged") {
				t.Errorf("it is no single clear line: %q", output)
			}
			if after := tags(t, dir); !slices.Equal(after, before) {
				t.Errorf("the tags are %q and were %q", after, before)
			}
		})
	}
}

// badVersions are no versions of a module whose path ends in no /v2.
var badVersions = []string{"", "next", "0.99", "0.99.9.9", "redis/v0.99.9", "vv0.99.9", "2.0.0", "10.0.0", "00.99.9", "0.099.9", "0.99.09",
	"0.99.9-", "0.99.9-rc..1", "0.99.9-rc.", "0.99.9-.rc", "0.99.9-01", "0.99.9-rc.01", "0.99.9-rc_1", "0.99.9+build", "0.99.9\n"}

var goodVersions = []string{"0.0.0", "0.99.10", "1.0.0", "v1.20.3", "1.0.0-0", "1.0.0-rc.1", "1.0.0-rc-1.0a", "1.0.0-01a.-"}

func TestReleaseRefusesABadVersion(t *testing.T) {
	dir := readyToRelease(t)
	for _, version := range badVersions {
		t.Run(version, func(t *testing.T) {
			if output, err := command(t, dir, ".ci/release", version); err == nil || !strings.HasPrefix(output, "release: usage: ") || strings.Count(output, "\n") != 1 {
				t.Errorf("%v, %q", err, output)
			}
		})
	}
	if output, err := command(t, dir, ".ci/release"); err == nil || !strings.HasPrefix(output, "release: usage: ") {
		t.Errorf("without an argument: %v, %q", err, output)
	}
	if output, err := command(t, dir, ".ci/release", "0.99.9", "0.99.9"); err == nil || !strings.HasPrefix(output, "release: usage: ") {
		t.Errorf("with two arguments: %v, %q", err, output)
	}
	// A good version is refused for another reason: it is not the changelog's.
	for _, version := range goodVersions {
		if output, err := command(t, dir, ".ci/release", version); err == nil || !strings.Contains(output, "the first entry of CHANGELOG.md") {
			t.Errorf("%s: %v, %q", version, err, output)
		}
	}
}

func TestSetVersionChangesNothingIfItCannotDoAll(t *testing.T) {
	dir := copyOfRepository(t)
	refuses := func(t *testing.T, want string, args ...string) {
		t.Helper()
		output, err := command(t, dir, ".ci/set-version", args...)
		if err == nil || !strings.HasPrefix(output, want) || strings.Count(output, "\n") != 1 {
			t.Errorf("%v, %q, want %q", err, output, want)
		}
		if status := must(t, dir, "git", "status", "--porcelain"); status != "" {
			t.Errorf("changed:\n%s", status)
		}
	}
	t.Run("no argument", func(t *testing.T) { refuses(t, "usage: ") })
	t.Run("two arguments", func(t *testing.T) { refuses(t, "usage: ", "0.99.9", "0.99.9") })
	for _, version := range badVersions {
		t.Run("version "+version, func(t *testing.T) { refuses(t, "usage: ", version) })
	}
	t.Run("a go.mod that cannot be read", func(t *testing.T) {
		edit(t, dir+"/redis/go.mod", "\ngo ", "\nno ")
		commit(t, dir)
		refuses(t, "set-version: redis/go.mod cannot be read", "0.99.9")
	})
}

func TestSetVersionTakesEachGoodVersion(t *testing.T) {
	dir := copyOfRepository(t)
	for _, version := range goodVersions {
		must(t, dir, ".ci/set-version", version)
		if got := must(t, dir, "sh", "-c", "grep '^const version = ' *.go"); !strings.Contains(got, `"`+strings.TrimPrefix(version, "v")+`"`) {
			t.Errorf("%s: %s", version, got)
		}
	}
}

func TestSetVersionFindsEachRequirement(t *testing.T) {
	dir, path := copyOfRepository(t), root(t)
	for name, line := range map[string]string{
		"behind two spaces": path + "  v0.99.8",
		"of a quoted path":  `"` + path + `" v0.99.8`,
	} {
		t.Run(name, func(t *testing.T) {
			must(t, dir, ".ci/set-version", "0.99.8")
			edit(t, dir+"/redis/go.mod", path+" v0.99.8", line)
			must(t, dir, ".ci/set-version", "0.99.9")
			goMod := must(t, dir+"/redis", "go", "mod", "edit", "-json")
			if !strings.Contains(goMod, `"v0.99.9"`) || strings.Contains(goMod, `"v0.99.8"`) {
				t.Errorf("redis/go.mod is %s", goMod)
			}
		})
	}
}

func TestSetVersionLeavesNothingBehind(t *testing.T) {
	dir := copyOfRepository(t)
	must(t, dir, ".ci/set-version", "0.99.9")
	if status := must(t, dir, "git", "status", "--porcelain"); strings.Contains(status, "??") {
		t.Errorf("new files:\n%s", status)
	}
	for _, module := range modules(t) {
		for line := range strings.Lines(must(t, filepath.Join(dir, module), "go", "mod", "edit", "-print")) {
			if strings.Contains(line, "github.com/id2meta/id2meta") && strings.Contains(line, " v") && !strings.Contains(line, " v0.99.9") {
				t.Errorf("%s has %s", module, line)
			}
		}
	}
}

// docs/releasing.md tells who gives the library a path in a git server of their own to
// set GOPRIVATE. The check takes the modules from its own proxy all the same.
func TestTheConsumerCheckPassesWhereTheModuleIsPrivate(t *testing.T) {
	dir, path := copyOfRepository(t), root(t)
	settings, err := os.ReadFile(strings.TrimSpace(must(t, dir, "go", "env", "GOENV")))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	// Go reads an environment variable that is empty from its settings.
	file := filepath.Join(t.TempDir(), "env")
	write(t, file, string(settings)+"\nGOPRIVATE="+path+"\nGONOPROXY="+path+"\n", 0o644)
	t.Setenv("GOENV", file)
	t.Setenv("GOPRIVATE", path)
	if output := must(t, dir, ".ci/consumer"); !strings.Contains(output, "verified: true") {
		t.Errorf("output:\n%s", output)
	}
}

// The recipe for Kratos has generated code, which a search-and-replace breaks.
func TestACopyWithAnotherModulePathBuilds(t *testing.T) {
	dir, old := copyOfRepository(t), root(t)
	const path = "git.example.com/pay/identity/id2meta"
	must(t, dir, ".ci/rename-module", path)
	left, _ := command(t, dir, "git", "grep", "-n", "-a", "-F", old) // it fails where nothing is left
	for line := range strings.Lines(left) {
		if strings.Contains(strings.ReplaceAll(line, path, ""), old) { // the new path may contain the old one
			t.Errorf("the old path is left in %s", line)
		}
	}
	if unformatted := must(t, dir, "sh", "-c", "gofmt -l $(git ls-files '*.go')"); unformatted != "" {
		t.Errorf("not formatted:\n%s", unformatted)
	}
	if got := strings.TrimSpace(must(t, dir, "go", "list", "-m")); got != path {
		t.Errorf("the module is %s", got)
	}
	must(t, dir, "go", "vet", ".", "./cmd/...", "./verdictcache/...")
	must(t, filepath.Join(dir, "redis"), "go", "build", "./...")
	must(t, filepath.Join(dir, "examples/frameworks"), "go", "test", "./kratos/...")
}

func TestAModulePathMayBeginWithThePresentPath(t *testing.T) {
	for _, more := range []string{"2", "/fork"} {
		t.Run(more, func(t *testing.T) {
			dir := copyOfRepository(t)
			path := root(t) + more
			must(t, dir, ".ci/rename-module", path)
			if got := strings.TrimSpace(must(t, dir, "go", "list", "-m")); got != path {
				t.Errorf("the module is %s", got)
			}
			must(t, filepath.Join(dir, "redis"), "go", "build", "./...")
			commit(t, dir)
			must(t, dir, ".ci/rename-module", root(t)) // and back
			if diff := must(t, dir, "git", "diff", "HEAD~1"); diff != "" {
				t.Errorf("there and back differs by\n%s", diff)
			}
		})
	}
}

func TestRenameModuleRefuses(t *testing.T) {
	dir := copyOfRepository(t)
	for name, path := range map[string]string{
		"an address":       "https://git.example.com/x",
		"the present path": strings.TrimSpace(must(t, dir, "go", "list", "-m")),
		"nothing":          "",
	} {
		t.Run(name, func(t *testing.T) {
			if output, err := command(t, dir, ".ci/rename-module", path); err == nil {
				t.Errorf("it did:\n%s", output)
			}
			if status := must(t, dir, "git", "status", "--porcelain"); status != "" {
				t.Errorf("changed:\n%s", status)
			}
		})
	}
	t.Run("a tree with changes", func(t *testing.T) {
		edit(t, dir+"/LICENSE", "a", "b")
		if output, err := command(t, dir, ".ci/rename-module", "a.b/c"); err == nil || !strings.Contains(output, "uncommitted changes") {
			t.Errorf("%v, %s", err, output)
		}
	})
}

func TestDependabotWatchesEachModule(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(top, ".github/dependabot.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Updates []struct {
			Ecosystem   string   `yaml:"package-ecosystem"`
			Directories []string `yaml:"directories"`
		}
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		t.Fatal(err)
	}
	var watched []string
	for _, update := range config.Updates {
		if update.Ecosystem == "gomod" {
			watched = append(watched, update.Directories...)
		}
	}
	var want []string
	for _, module := range modules(t) {
		want = append(want, "/"+strings.TrimPrefix(module, "."))
	}
	slices.Sort(watched)
	slices.Sort(want)
	if !slices.Equal(watched, want) {
		t.Errorf("dependabot watches %q, want %q", watched, want)
	}
}
