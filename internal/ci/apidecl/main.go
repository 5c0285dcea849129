// Apidecl prints the exported API of the packages that it is given: one declaration
// a line, without comments, so that a changed line is a changed declaration.
//
//	apidecl ./...
//
// Commands and internal packages are left out: nobody imports them.
package main

import (
	"fmt"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apidecl:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, patterns []string) error {
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedSyntax | packages.NeedTypesInfo,
	}, patterns...)
	if err != nil {
		return err
	}
	if packages.PrintErrors(loaded) > 0 {
		return fmt.Errorf("%s: packages with errors", strings.Join(patterns, " "))
	}
	for _, p := range loaded {
		if p.Name == "main" || strings.Contains(p.PkgPath+"/", "/internal/") || strings.Contains(p.PkgPath, "/examples/") {
			continue
		}
		for _, line := range declarations(p.Types) {
			fmt.Fprintf(out, "%s: %s\n", p.PkgPath, line)
		}
	}
	return nil
}

// declarations returns the exported declarations of a package, sorted.
func declarations(p *types.Package) []string {
	var lines []string
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch o := object.(type) {
		case *types.Const:
			lines = append(lines, fmt.Sprintf("const %s %s = %s", name, typeString(p, o.Type()), o.Val().ExactString()))
		case *types.TypeName:
			lines = append(lines, ofType(p, o)...)
		default: // of a variable the type is the API, and its value is not
			lines = append(lines, types.ObjectString(o, relativeTo(p)))
		}
	}
	slices.Sort(lines)
	return lines
}

func ofType(p *types.Package, o *types.TypeName) []string {
	head := "type " + o.Name()
	if o.IsAlias() {
		return []string{head + " = " + typeString(p, types.Unalias(o.Type()))}
	}
	var lines []string
	switch u := o.Type().Underlying().(type) {
	case *types.Struct:
		lines = append(lines, head+" struct")
		for field := range u.Fields() {
			if field.Exported() {
				lines = append(lines, fmt.Sprintf("%s struct, field %s %s", head, field.Name(), typeString(p, field.Type())))
			}
		}
	case *types.Interface:
		lines = append(lines, head+" interface")
		for method := range u.Methods() {
			lines = append(lines, fmt.Sprintf("%s interface, method %s%s", head, method.Name(), signature(p, method)))
		}
		return lines // its method set says nothing else
	default:
		lines = append(lines, head+" "+typeString(p, u))
	}
	// The methods of *T are those of T, too.
	ofValue := types.NewMethodSet(o.Type())
	for method := range types.NewMethodSet(types.NewPointer(o.Type())).Methods() {
		f := method.Obj().(*types.Func)
		if !f.Exported() {
			continue
		}
		receiver := "*" + o.Name()
		if ofValue.Lookup(p, f.Name()) != nil {
			receiver = o.Name()
		}
		lines = append(lines, fmt.Sprintf("method (%s) %s%s", receiver, f.Name(), signature(p, f)))
	}
	return lines
}

func signature(p *types.Package, f *types.Func) string {
	return strings.TrimPrefix(typeString(p, f.Type()), "func")
}

func typeString(p *types.Package, t types.Type) string { return types.TypeString(t, relativeTo(p)) }

// relativeTo names the types of p without its path.
func relativeTo(p *types.Package) types.Qualifier { return types.RelativeTo(p) }
