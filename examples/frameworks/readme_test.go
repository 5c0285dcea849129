// Package frameworks holds the tests of the recipes, which are in its folders.
package frameworks

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxLines is one screen.
const maxLines = 24

// The README shows what is compiled and tested, and no other code.
func TestREADMEHasTheRecipes(t *testing.T) {
	var recipes []string
	for _, file := range []string{"gin/gin.go", "gozero/gozero.go", "kratos/kratos.go"} {
		_, rest, begins := strings.Cut(read(t, file), "// recipe:begin\n")
		// gofmt wants a blank line before the second mark.
		recipe, _, ends := strings.Cut(rest, "\n// recipe:end\n")
		require.True(t, begins && ends, "%s has no marks", file)
		assert.LessOrEqual(t, strings.Count(recipe, "\n"), maxLines, file)
		recipes = append(recipes, recipe)
	}
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(readme, func(t *testing.T) {
			var shown []string
			for _, rest := range strings.Split(read(t, readme), "```go\n")[1:] {
				block, _, _ := strings.Cut(rest, "```")
				shown = append(shown, block)
			}
			assert.Equal(t, recipes, shown)
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(content)
}
