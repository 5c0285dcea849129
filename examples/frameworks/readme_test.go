// Package frameworks holds the test of the README; the recipes are in its folders.
package frameworks

import (
	"os"
	"strings"
	"testing"
)

// maxLines is one screen.
const maxLines = 24

// The README shows what is compiled and tested, and no other code.
func TestREADMEHasTheRecipes(t *testing.T) {
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(readme, func(t *testing.T) { wantRecipes(t, read(t, readme)) })
	}
}

func wantRecipes(t *testing.T, readme string) {
	t.Helper()
	var shown []string
	for _, rest := range strings.Split(readme, "```go\n")[1:] {
		block, _, _ := strings.Cut(rest, "```")
		shown = append(shown, block)
	}
	files := []string{"gin/gin.go", "gozero/gozero.go", "kratos/kratos.go"}
	if len(shown) != len(files) {
		t.Fatalf("the README has %d blocks of Go, want %d", len(shown), len(files))
	}
	for i, file := range files {
		t.Run(file, func(t *testing.T) {
			recipe := recipeOf(t, file)
			if shown[i] != recipe {
				t.Errorf("the README shows\n%s\nand the file has\n%s", shown[i], recipe)
			}
			if lines := strings.Count(recipe, "\n"); lines == 0 || lines > maxLines {
				t.Errorf("%d lines, want 1 to %d", lines, maxLines)
			}
		})
	}
}

// recipeOf returns what stands between the marks, without the blank line that gofmt
// wants before the second mark.
func recipeOf(t *testing.T, file string) string {
	t.Helper()
	_, rest, begins := strings.Cut(read(t, file), "// recipe:begin\n")
	recipe, _, ends := strings.Cut(rest, "\n// recipe:end\n")
	if !begins || !ends {
		t.Fatalf("%s has no marks", file)
	}
	return recipe
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
