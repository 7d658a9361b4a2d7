package faults_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pageTest matches the last column of a line of the table.
var pageTest = regexp.MustCompile("(?m)^\\|.*\\| `(Test\\w+)` \\|$")

// If this fails, docs/reliability.md promises an operator what nobody has tried,
// or keeps from him what has been.
func TestPageNamesEveryFault(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, match := range pageTest.FindAllStringSubmatch(string(page), -1) {
		named[match[1]] = true
	}
	found := faultTests(t)
	for name := range named {
		if !found[name] {
			t.Errorf("docs/reliability.md names %s, and there is no such test", name)
		}
	}
	for name := range found {
		if !named[name] {
			t.Errorf("docs/reliability.md does not name %s", name)
		}
	}
}

// faultTests are the tests of this package but those of the page.
func faultTests(t *testing.T) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, path := range paths {
		if path == "docs_test.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			function, is := declaration.(*ast.FuncDecl)
			if !is || function.Name.Name == "TestMain" || !strings.HasPrefix(function.Name.Name, "Test") {
				continue
			}
			found[function.Name.Name] = true
			if !strings.HasPrefix(function.Doc.Text(), "If this fails, ") {
				t.Errorf("%s does not say what an operator would lose", function.Name.Name)
			}
		}
	}
	return found
}
