package archtest_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top folder of the repository, relative to this package.
const root = "../.."

// maxLines is the most lines of a Go file.
const maxLines = 400

// goFiles returns every Go file of the repository with its text.
func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		files[filepath.ToSlash(strings.TrimPrefix(path, root+"/"))] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// If this fails, a panic in a goroutine of the program ends it with Go's own trace, with whatever it worked on, and leaves the
// record of its run open. What measures and what tests is not the program.
func TestGoroutinesAreGuarded(t *testing.T) {
	t.Parallel()
	for path, text := range goFiles(t) {
		if strings.HasSuffix(path, "_test.go") || slices.ContainsFunc([]string{"internal/crash/", "internal/bench/", "internal/testenv/", "testdata/"},
			func(folder string) bool { return strings.HasPrefix(path, folder) }) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			if imported.Path.Value == `"golang.org/x/sync/errgroup"` {
				t.Errorf("%s uses errgroup; use crash.Group", path)
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if _, is := node.(*ast.GoStmt); is {
				t.Errorf("%s begins a goroutine by itself; use crash.Go", path)
			}
			return true
		})
	}
}

// If this fails, a file contains several ideas, and a reader who looks for one of them has to
// read all.
func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for path, text := range goFiles(t) {
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines {
			t.Errorf("%s has %d lines, and %d are allowed: divide it by its ideas", path, lines, maxLines)
		}
	}
}

// pathOnPage matches a path of the repository in a page.
var pathOnPage = regexp.MustCompile("`((?:cmd|pkg|internal|docs|testdata)(?:/[A-Za-z0-9_.-]+)*)`")

// If this fails, a page names a file that does not exist.
func TestPagesNameFilesThatExist(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		found := pathOnPage.FindAllStringSubmatch(readPage(t, page), -1)
		if len(found) < 10 {
			t.Errorf("%s names %d files, so this test looks for the wrong thing", page, len(found))
		}
		for _, match := range found {
			if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
				t.Errorf("%s names %s, which is not there", page, match[1])
			}
		}
	}
}

// fileOnPage matches the name of a Go file without its folder.
var fileOnPage = regexp.MustCompile("[`(]([a-z0-9_]+\\.go)`")

// If this fails, a decision names a file that does not exist, and a reader cannot find the code
// that it is about.
func TestDecisionsNameFilesThatExist(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for path := range goFiles(t) {
		names[filepath.Base(path)] = true
	}
	for _, match := range fileOnPage.FindAllStringSubmatch(readPage(t, "ARCHITECTURE.md"), -1) {
		if !names[match[1]] {
			t.Errorf("ARCHITECTURE.md names %s, and there is no such file", match[1])
		}
	}
}

// stepOnPage matches a step of the way of a value: a function and its file.
var stepOnPage = regexp.MustCompile("(?m)^\\| [^|]+ \\| `([A-Za-z]+)` \\| `([a-z/_.]+\\.go)` \\|$")

// If this fails, the page that explains how a value gets from one key to the other names
// a function that is somewhere else.
func TestWayOfAValueIsTheCode(t *testing.T) {
	t.Parallel()
	files := goFiles(t)
	steps := stepOnPage.FindAllStringSubmatch(readPage(t, "ARCHITECTURE.md"), -1)
	if len(steps) < 15 {
		t.Fatalf("the page has %d steps, so this test looks for the wrong thing", len(steps))
	}
	for _, step := range steps {
		function, path := step[1], step[2]
		parsed, err := parser.ParseFile(token.NewFileSet(), path, files[path], 0)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !slices.ContainsFunc(parsed.Decls, func(d ast.Decl) bool {
			declared, is := d.(*ast.FuncDecl)
			return is && declared.Name.Name == function
		}) {
			t.Errorf("ARCHITECTURE.md says that %s is in %s, and it is not", function, path)
		}
	}
}

// testOnPage matches the last column of a line of docs/proof.md.
var testOnPage = regexp.MustCompile("(?m)^\\|.*\\| `(Test\\w+)` \\|$")

// If this fails, docs/proof.md promises a condition that nobody has tried.
func TestProofNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	var tests bytes.Buffer
	for path, text := range goFiles(t) {
		if strings.HasSuffix(path, "_test.go") {
			tests.Write(text)
		}
	}
	lines := testOnPage.FindAllStringSubmatch(readPage(t, "docs/proof.md"), -1)
	if len(lines) < 15 {
		t.Fatalf("the page has %d conditions, so this test looks for the wrong thing", len(lines))
	}
	for _, line := range lines {
		if !bytes.Contains(tests.Bytes(), []byte("\nfunc "+line[1]+"(")) {
			t.Errorf("docs/proof.md names %s, and there is no such test", line[1])
		}
	}
}

// If this fails, a command cannot be tested without doing what it does: its constructor
// takes no run hook.
func TestCommandsHaveRunHooks(t *testing.T) {
	t.Parallel()
	groups := []string{"newRootCommand", "newMigrateCommand", "newAuditBaselineCommand"} // they only have other commands below them
	found := 0
	for path, text := range goFiles(t) {
		if !strings.HasPrefix(path, "internal/cli/") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			function, is := declaration.(*ast.FuncDecl)
			if !is || !strings.HasPrefix(function.Name.Name, "new") || !strings.HasSuffix(function.Name.Name, "Command") || slices.Contains(groups, function.Name.Name) {
				continue
			}
			found++
			if !takesRunHook(function) {
				t.Errorf("%s: %s takes no run hook", path, function.Name.Name)
			}
		}
	}
	if found < 10 {
		t.Errorf("found %d commands, so this test looks for the wrong thing", found)
	}
}

// takesRunHook reports whether the last parameter of a function is a function named run.
func takesRunHook(function *ast.FuncDecl) bool {
	fields := function.Type.Params.List
	if len(fields) == 0 {
		return false
	}
	last := fields[len(fields)-1]
	_, isFunction := last.Type.(*ast.FuncType)
	return isFunction && len(last.Names) == 1 && last.Names[0].Name == "run"
}
