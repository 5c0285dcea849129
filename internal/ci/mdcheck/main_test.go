package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct{ page, want string }{
		"a file that is there":                      {"[a](other.md)", ""},
		"a folder that is there":                    {"[a](sub)", ""},
		"a file that is not there":                  {"[a](gone.md)", "(gone.md) is not there"},
		"a file above":                              {"[a](../nowhere/gone.md)", "is not there"},
		"an image that is not there":                {"![a](gone.png)", "(gone.png) is not there"},
		"a path from the root of the host":          {"[a](/other.md)", "is not relative"},
		"another host is not asked":                 {"[a](https://example.com/gone)", ""},
		"a link in a table":                         {"| a |\n|---|\n| [a](gone.md) |", "is not there"},
		"a link in a list in a quote":               {"> - [a](gone.md)", "is not there"},
		"a heading of this page":                    {"# The limit: 50 a second\n\n[a](#the-limit-50-a-second)", ""},
		"a heading with code":                       {"# The `Verify` method\n\n[a](#the-verify-method)", ""},
		"a heading in Chinese":                      {"## 常见问题（FAQ）\n\n[a](#常见问题faq)", ""},
		"the second heading of a name":              {"# A\n\n# A\n\n[a](#a-1)", ""},
		"a heading that is not there":               {"# A\n\n[a](#b)", "names a heading that is not there"},
		"a heading of another page":                 {"[a](other.md#other)", ""},
		"a heading that another page does not have": {"[a](other.md#gone)", "names a heading that is not there"},
		"a name with a definition":                  {"[Name] and [text][Name]\n\n[Name]: other.md", ""},
		"a definition that leads nowhere":           {"[Name]\n\n[Name]: gone.md", "(gone.md) is not there"},
		"a definition that nothing uses":            {"Text.\n\n[Name]: gone.md", "(gone.md) is not there"},
		"a definition that nothing uses, in a list": {"- Text.\n\n  [Name]: gone.md", "(gone.md) is not there"},
		"a second definition of a name":             {"[Name]\n\n[Name]: other.md\n[Name]: gone.md", "(gone.md) is not there"},
		"a definition of another host":              {"[Name]: https://example.com/gone", ""},
		"a definition in code":                      {"    [Name]: gone.md", ""},
		"a link in HTML":                            {"A <a href=\"gone.md\">link</a>.", "(gone.md) is not there"},
		"an image in HTML":                          {"<img src=\"gone.png\">", "(gone.png) is not there"},
		"an image in HTML that ends as in XML":      {"A <img alt='x' src='gone.png'/>", "(gone.png) is not there"},
		"HTML in capitals, without quotes":          {"<P>\n<A HREF=gone.md>a</A>\n</P>", "(gone.md) is not there"},
		"HTML over several lines":                   {"A <a\n  title=\"x\"\n  href=\"gone.md\">link</a>.", "(gone.md) is not there"},
		"HTML in a table":                           {"| a |\n|---|\n| <a href=\"gone.md\">a</a> |", "(gone.md) is not there"},
		"HTML in a list":                            {"- <details>\n  <a href=\"gone.md\">a</a>\n  </details>", "(gone.md) is not there"},
		"pictures for several screens":              {"<picture><source srcset=\"other.md 1x, gone.png 2x\"></picture>", "(gone.png) is not there"},
		"an entity in HTML":                         {"<a href=\"&#103;one.md\">a</a>", "(gone.md) is not there"},
		"HTML that leads to a missing heading":      {"<a href=\"#gone\">a</a>", "names a heading that is not there"},
		"HTML that leads somewhere":                 {"# A\n\n<p>\n<a href=\"other.md#other\"><img src=\"sub\"></a> <a href=\"#a\">a</a>\n</p>", ""},
		"HTML that leads to another host":           {"<a href=\"https://example.com/gone\">a</a>", ""},
		"HTML in a comment":                         {"<!-- <a href=\"gone.md\">a</a>\n\n<img src=\"gone.png\"> -->", ""},
		"HTML in code":                              {"`<a href=\"gone.md\">`\n\n```html\n<img src=\"gone.png\">\n```", ""},
		"an anchor in HTML":                         {"<a id=\"here\"></a> <a name=\"there\"></a>\n\n[a](#here) [b](#there)", ""},
		"an anchor of HTML that is not there":       {"<a id=\"here\"></a>\n\n[b](#there)", "names a heading that is not there"},
		"a name without a definition":               {"See [WithTimeout] for more.", "[WithTimeout] has no definition"},
		"a name without a definition, in bold":      {"**See [WithTimeout]**", "[WithTimeout] has no definition"},
		"a name without a definition, in a table":   {"| a |\n|---|\n| [Name] |", "[Name] has no definition"},
		"a reference without a definition":          {"[text][Name]", "has no definition"},
		"brackets in code":                          {"`a[0]` and\n\n    b[1]\n\n```go\nc[2]\n```", ""},
		"brackets that are escaped":                 {"\\[not a link\\]", ""},
		"tasks":                                     {"- [ ] open\n- [x] done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			for file, content := range map[string]string{"page.md": test.page, "other.md": "# Other\n"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			problems, err := check(filepath.Join(dir, "page.md"))
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) > 1 {
				t.Errorf("%d problems: %q", len(problems), problems)
			}
			got := strings.Join(problems, "\n")
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
