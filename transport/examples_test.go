package transport_test

import (
	"go/ast"
	"path"
	"strconv"
	"strings"
	"testing"
)

// TestEveryConstructorIsShownByAnExample holds for all packages that users import.
func TestEveryConstructorIsShownByAnExample(t *testing.T) {
	made, shown := map[string]bool{}, map[string]bool{} // as adapters/inproc.Factory
	eachFile(t, func(folder, file string, f *ast.File) {
		switch test := strings.HasSuffix(file, "_test.go"); {
		case test && hasExample(f):
			used(f, shown)
		case !test && public(folder):
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && constructs(fn) {
					made[folder+"."+fn.Name.Name] = true
				}
			}
		}
	})
	if len(made) < 15 {
		t.Errorf("only %d constructors were found: %v", len(made), made)
	}
	for name := range made {
		if !shown[name] {
			t.Errorf("no Example calls %s: write one, as users copy them", name)
		}
	}
}

func public(folder string) bool {
	top, _, _ := strings.Cut(folder, "/")
	return (top == "transport" || top == "codecs" || top == "adapters" || top == "conformance") && !strings.Contains(folder, "internal")
}

// constructs reports whether fn is a function that makes a named type, and no option of another one.
func constructs(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || !fn.Name.IsExported() || strings.HasPrefix(fn.Name.Name, "With") || fn.Type.Results == nil {
		return false
	}
	result := fn.Type.Results.List[0].Type
	for {
		switch r := result.(type) {
		case *ast.StarExpr:
			result = r.X
		case *ast.IndexExpr:
			result = r.X
		case *ast.IndexListExpr:
			result = r.X
		case *ast.SelectorExpr:
			return true
		case *ast.Ident:
			return r.IsExported() // error, bool and string are none
		default:
			return false
		}
	}
}

func hasExample(f *ast.File) bool {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Example") {
			return true
		}
	}
	return false
}

// used adds what the Examples of f, and what they share, take from packages of this module.
func used(f *ast.File, to map[string]bool) {
	folders := map[string]string{} // by the name of the import
	for _, imp := range f.Imports {
		name, _ := strconv.Unquote(imp.Path.Value)
		if folder, ours := strings.CutPrefix(name, module); ours {
			folders[path.Base(folder)] = folder
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz") || strings.HasPrefix(fn.Name.Name, "Benchmark")) {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := s.X.(*ast.Ident); ok && folders[pkg.Name] != "" {
					to[folders[pkg.Name]+"."+s.Sel.Name] = true
				}
			}
			return true
		})
	}
}
