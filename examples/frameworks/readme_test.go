package frameworks

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The README shows the files as they are, but for comments on declarations.
func TestTheREADMEShowsWhatIsTested(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	for i, file := range []string{"gozero/servicecontext.go", "kratos/verifier.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bare := regexp.MustCompile(`(?m)^//.*\n`).ReplaceAllString(string(source), "")
		if !strings.HasSuffix(bare, blocks[i][1]) {
			t.Errorf("%s and the README differ", file)
		}
		if n := strings.Count(blocks[i][1], "\n"); n > 20 {
			t.Errorf("the recipe of %s has %d lines, want 20 or fewer", file, n)
		}
	}
}
