package finding_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// codeRow matches the first column of a row of the page.
var codeRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

// If this fails, a script branches on a code that no page explains, or waits for one
// that no longer exists.
func TestPageNamesEveryCode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]int{}
	for _, match := range codeRow.FindAllStringSubmatch(string(page), -1) {
		named[match[1]]++
	}
	codes := codesOf(t)
	for code, count := range named {
		if !codes[code] || count > 1 {
			t.Errorf("docs/findings.md has %s %d times, and it is a code: %v", code, count, codes[code])
		}
	}
	for code := range codes {
		if named[code] == 0 {
			t.Errorf("docs/findings.md does not explain %s", code)
		}
	}
}

// codesOf reads the constants of codes.go, and fails where two have one value.
func codesOf(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		value, is := node.(*ast.BasicLit)
		if !is || value.Kind != token.STRING {
			return true
		}
		code, err := strconv.Unquote(value.Value)
		if err != nil || codes[code] {
			t.Errorf("the code %s stands twice: %v", value.Value, err)
		}
		codes[code] = true
		return true
	})
	return codes
}
