// Mdcheck tells where a link in a Markdown file leads nowhere:
//
//   - a relative link to a file or folder that is not there,
//   - a link to a heading that is not there (#name, or file.md#name),
//   - the same in HTML, and in a definition that nothing uses,
//   - a [Name] without a definition, which readers see with its brackets.
//
// It asks no server about links to other hosts. Its arguments are the files.
package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

func main() {
	var problems []string
	for _, file := range os.Args[1:] {
		found, err := check(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mdcheck:", err)
			os.Exit(1)
		}
		problems = append(problems, found...)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d files, every link leads somewhere\n", len(os.Args)-1)
}

// page is a Markdown file.
type page struct {
	source      []byte
	tree        ast.Node
	definitions definitions
}

// definitions keeps each [Name]: address that a parser meets, also a second one of the
// same name, which the parser ignores.
type definitions struct {
	parser.Context
	met []parser.Reference
}

func (d *definitions) AddReference(r parser.Reference) {
	d.met = append(d.met, r)
	d.Context.AddReference(r)
}

func open(file string) (*page, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := &page{source: source, definitions: definitions{Context: parser.NewContext()}}
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	p.tree = markdown.Parse(text.NewReader(source), parser.WithContext(&p.definitions))
	return p, nil
}

// check returns what is wrong in a file, each with the file and what the link says.
func check(file string) ([]string, error) {
	p, err := open(file)
	if err != nil {
		return nil, err
	}
	var problems []string
	report := func(format string, args ...any) {
		problem := file + ": " + fmt.Sprintf(format, args...)
		if !slices.Contains(problems, problem) { // a definition and its uses are one problem
			problems = append(problems, problem)
		}
	}
	follow := func(link string) {
		if reason := leadsNowhere(file, link); reason != "" {
			report("(%s) %s", link, reason)
		}
	}
	err = ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			follow(string(n.Destination))
		case *ast.Image:
			follow(string(n.Destination))
		}
		links, _ := inHTML(n, p.source)
		for _, link := range links {
			follow(link)
		}
		if n.Type() == ast.TypeBlock {
			for _, name := range undefined(n, p.source) {
				report("%s has no definition", name)
			}
		}
		return ast.WalkContinue, nil
	})
	for _, definition := range p.definitions.met {
		follow(string(definition.Destination()))
	}
	return problems, err
}

// brackets matches [Name] unless a backslash says that the brackets are meant. The
// mark of a task, [ ] or [x], is no name; GFM has taken it out already.
var brackets = regexp.MustCompile(`(?:^|[^\\])(\[[^\[\]\\]+\])`)

// undefined returns what a reader sees as [Name] in a block: a link with a definition
// is no text any more.
func undefined(block ast.Node, source []byte) []string {
	var b strings.Builder
	for n := block.FirstChild(); n != nil; n = n.NextSibling() {
		plainText(&b, n, source)
	}
	var names []string
	for _, match := range brackets.FindAllStringSubmatch(b.String(), -1) {
		names = append(names, match[1])
	}
	return names
}

// plainText appends the text of an inline node as the file has it. Code and links
// are left out.
func plainText(b *strings.Builder, n ast.Node, source []byte) {
	switch n := n.(type) {
	case *ast.Text:
		b.Write(n.Segment.Value(source))
		if n.SoftLineBreak() || n.HardLineBreak() {
			b.WriteByte('\n')
		}
	case *ast.Emphasis:
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			plainText(b, c, source)
		}
	default:
		if n.Type() == ast.TypeInline {
			b.WriteByte('`') // something stands here that is no text
		}
	}
}

// leadsNowhere returns why a reader who follows the link finds nothing, or "".
func leadsNowhere(file, link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return "is no address"
	}
	if u.Scheme != "" || u.Host != "" {
		return "" // another server's
	}
	target := file
	if u.Path != "" {
		if strings.HasPrefix(u.Path, "/") {
			return "is not relative"
		}
		target = filepath.Join(filepath.Dir(file), filepath.FromSlash(u.Path))
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return "is not there"
	case u.Fragment == "" || info.IsDir() || filepath.Ext(target) != ".md":
		return ""
	}
	p, err := open(target)
	if err != nil {
		return err.Error()
	}
	if !p.headings()[u.Fragment] {
		return "names a heading that is not there"
	}
	return ""
}

// headings returns the names by which GitHub links to the headings of a page, and to
// what HTML gives a name.
func (p *page) headings() map[string]bool {
	names := map[string]bool{}
	ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		_, anchors := inHTML(n, p.source)
		for _, name := range anchors {
			names[name] = true
		}
		heading, ok := n.(*ast.Heading)
		if !ok {
			return ast.WalkContinue, nil
		}
		var b strings.Builder
		visible(&b, heading, p.source)
		name := anchor(b.String())
		for i := 1; names[name]; i++ {
			name = fmt.Sprintf("%s-%d", anchor(b.String()), i)
		}
		names[name] = true
		return ast.WalkContinue, nil
	})
	return names
}

// visible appends what a reader sees of a node.
func visible(b *strings.Builder, n ast.Node, source []byte) {
	if t, ok := n.(*ast.Text); ok {
		b.Write(t.Segment.Value(source))
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		visible(b, c, source)
	}
}

// anchor makes the name of a heading as GitHub does: lower case, hyphens for spaces,
// without punctuation.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}
