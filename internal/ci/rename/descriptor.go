package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// renameDescriptors renames the Go package in each serialized descriptor of a file
// that protoc-gen-go generated. Such a descriptor is a constant …_rawDesc, a sum of
// string literals.
func renameDescriptors(source []byte, from, to string) ([]byte, error) {
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
			out.Write(source[copied:begin])
			out.WriteString(literals(renamed))
			copied = end
			found++
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("there is no constant …_rawDesc: generate the file again with protoc")
	}
	out.Write(source[copied:])
	return out.Bytes(), nil
}

func renameDescriptor(raw, from, to string) (string, error) {
	var d descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal([]byte(raw), &d); err != nil {
		return "", err
	}
	if d.Options != nil && d.Options.GoPackage != nil {
		d.Options.GoPackage = proto.String(strings.ReplaceAll(*d.Options.GoPackage, from, to))
	}
	renamed, err := proto.MarshalOptions{Deterministic: true}.Marshal(&d)
	if err != nil {
		return "", err
	}
	if bytes.Contains(renamed, []byte(from)) {
		return "", fmt.Errorf("the descriptor of %s says %s elsewhere than in go_package", d.GetName(), from)
	}
	return string(renamed), nil
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
