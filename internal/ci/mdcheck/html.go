package main

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark/ast"
	"golang.org/x/net/html"
)

// inHTML returns the links of a node that is HTML, and the names that links can lead
// to. Other nodes have neither.
func inHTML(n ast.Node, source []byte) (links, anchors []string) {
	tokens := html.NewTokenizer(bytes.NewReader(rawHTML(n, source)))
	for {
		switch tokens.Next() {
		case html.ErrorToken: // the end
			return links, anchors
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, a := range tokens.Token().Attr {
				switch a.Key {
				case "href", "src":
					links = append(links, strings.TrimSpace(a.Val))
				case "srcset": // "small.png 1x, large.png 2x"
					for candidate := range strings.SplitSeq(a.Val, ",") {
						if fields := strings.Fields(candidate); len(fields) > 0 {
							links = append(links, fields[0])
						}
					}
				case "id", "name":
					anchors = append(anchors, a.Val)
				}
			}
		}
	}
}

// rawHTML returns the HTML that the file has in a node, without the node's children.
func rawHTML(n ast.Node, source []byte) []byte {
	var raw []byte
	switch n := n.(type) {
	case *ast.RawHTML:
		for i := range n.Segments.Len() {
			segment := n.Segments.At(i)
			raw = append(raw, segment.Value(source)...)
		}
	case *ast.HTMLBlock:
		for i := range n.Lines().Len() {
			segment := n.Lines().At(i)
			raw = append(raw, segment.Value(source)...)
		}
		if n.HasClosure() {
			raw = append(raw, n.ClosureLine.Value(source)...)
		}
	}
	return raw
}
