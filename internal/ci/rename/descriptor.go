package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// renameGenerated renames the path in a file that protoc-gen-go generated: the Go
// package in each serialized descriptor, and the path in what stands between. Such a
// descriptor is a constant …_rawDesc, a sum of string literals.
func renameGenerated(source []byte, from, to string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	copied, found := 0, 0
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			constant := spec.(*ast.ValueSpec)
			if len(constant.Values) != 1 || !strings.HasSuffix(constant.Names[0].Name, "_rawDesc") {
				continue
			}
			raw, err := concatenated(constant.Values[0])
			if err != nil {
				return nil, err
			}
			renamed, err := renameDescriptor(raw, from, to)
			if err != nil {
				return nil, err
			}
			begin, end := fset.Position(constant.Values[0].Pos()).Offset, fset.Position(constant.Values[0].End()).Offset
			out.Write(replace(source[copied:begin], from, to))
			out.WriteString(literals(renamed))
			copied = end
			found++
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("there is no constant …_rawDesc: generate the file again with protoc")
	}
	out.Write(replace(source[copied:], from, to))
	return format.Source(out.Bytes())
}

func renameDescriptor(raw, from, to string) (string, error) {
	var d descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal([]byte(raw), &d); err != nil {
		return "", err
	}
	renamed := string(replace([]byte(d.GetOptions().GetGoPackage()), from, to))
	if d.Options != nil {
		d.Options.GoPackage = nil
	}
	rest, err := proto.Marshal(&d)
	if err != nil {
		return "", err
	}
	if bytes.Contains(rest, []byte(from)) {
		return "", fmt.Errorf("the descriptor of %s says %s elsewhere than in go_package", d.GetName(), from)
	}
	if renamed != "" {
		d.Options.GoPackage = proto.String(renamed)
	}
	written, err := proto.MarshalOptions{Deterministic: true}.Marshal(&d)
	return string(written), err
}

// concatenated returns the value of "a" + "b" + ….
func concatenated(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(e.Value)
	case *ast.BinaryExpr:
		left, err := concatenated(e.X)
		if err != nil {
			return "", err
		}
		right, err := concatenated(e.Y)
		return left + right, err
	}
	return "", fmt.Errorf("a descriptor is no sum of string literals")
}

// literals writes a descriptor as protoc-gen-go does.
func literals(raw string) string {
	var b strings.Builder
	b.WriteString(`""`)
	for line := range strings.Lines(raw) {
		b.WriteString(" +\n\t" + strconv.Quote(line))
	}
	return b.String()
}
