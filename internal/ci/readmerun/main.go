// Readmerun runs the commands that a README shows, from the folder where it is
// started, and fails with the first command that fails.
//
// It runs each fenced block that is marked sh and in which every line is a command
// of this repository: go run, go test, go build, go vet, go list or go doc, without
// @version. A block with any other command is printed and not run, and so is a block
// after the line <!-- not run: why -->, for a server that would never end.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: readmerun README.md")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "readmerun:", err)
		os.Exit(1)
	}
}

func run(file string) error {
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	ran := 0
	for _, b := range blocks(source) {
		if !b.run {
			fmt.Printf("-- not run:\n%s", b.script)
			continue
		}
		fmt.Printf("-- run:\n%s", b.script)
		command := exec.Command("bash", "-euo", "pipefail", "-c", b.script)
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("%s shows\n%sand it fails: %w", file, b.script, err)
		}
		ran++
	}
	if ran == 0 {
		return fmt.Errorf("%s has no block of commands that can be run", file)
	}
	return nil
}

type block struct {
	script string
	run    bool
}

func blocks(source []byte) (found []block) {
	tree := goldmark.New().Parser().Parse(text.NewReader(source))
	ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		code, ok := n.(*ast.FencedCodeBlock)
		if !ok || !entering || string(code.Language(source)) != "sh" {
			return ast.WalkContinue, nil
		}
		b := block{script: textOf(code, source)}
		b.run = ours(b.script) && !excluded(n.PreviousSibling(), source)
		found = append(found, b)
		return ast.WalkSkipChildren, nil
	})
	return found
}

var ourCommand = regexp.MustCompile(`^go (run|test|build|vet|list|doc)( |$)`)

// ours reports whether each line of a script is a command of this repository.
func ours(script string) bool {
	commands := 0
	for line := range strings.Lines(strings.ReplaceAll(script, "\\\n", " ")) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !ourCommand.MatchString(line) || strings.Contains(line, "@") {
			return false
		}
		commands++
	}
	return commands > 0
}

func excluded(before ast.Node, source []byte) bool {
	html, ok := before.(*ast.HTMLBlock)
	return ok && strings.HasPrefix(strings.TrimSpace(textOf(html, source)), "<!-- not run")
}

// textOf returns the lines of a block as the file has them.
func textOf(block ast.Node, source []byte) string {
	var b strings.Builder
	lines := block.Lines()
	for i := range lines.Len() {
		segment := lines.At(i)
		b.Write(segment.Value(source))
	}
	return b.String()
}
