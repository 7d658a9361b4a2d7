package cli

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/internal/netconn"
)

// troubleshootingPage is where the page lies, seen from this package.
const troubleshootingPage = "../../docs/troubleshooting.md"

var (
	// entryForm matches an entry of the page: a heading or a list item that begins with an error.
	entryForm = regexp.MustCompile("(?m)^(?:### |- )`([^`]+)`")
	// placeholder matches what stands for a name, a number or a text.
	placeholder = regexp.MustCompile(`<[^>]*>`)
	// verb matches what fmt replaces in a literal.
	verb = regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z]`)
)

// pageEntries are the errors of the page, each with the expression that its sentence matches.
var pageEntries = sync.OnceValues(func() (map[string]*regexp.Regexp, error) {
	page, err := os.ReadFile(troubleshootingPage)
	if err != nil {
		return nil, err
	}
	entries := map[string]*regexp.Regexp{}
	for _, match := range entryForm.FindAllStringSubmatch(string(page), -1) {
		fixed := placeholder.Split(match[1], -1)
		for i := range fixed {
			fixed[i] = regexp.QuoteMeta(fixed[i])
		}
		entries[match[1]] = regexp.MustCompile("^" + strings.Join(fixed, ".*") + "$")
	}
	return entries, nil
})

// HasEntry reports whether the page says what to do about an error, by its sentence.
func HasEntry(sentence string) (bool, error) {
	entries, err := pageEntries()
	for _, form := range entries {
		if form.MatchString(sentence) {
			return true, nil
		}
	}
	return false, err
}

// If this fails, an operator looks for a text that the tool does not print, and takes the page for
// one about another version.
func TestTroubleshootingSpeaksLikeTheCode(t *testing.T) {
	t.Parallel()
	entries, err := pageEntries()
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	pieces := piecesOfCode(t)
	for entry := range entries {
		for _, fixed := range placeholder.Split(entry, -1) {
			if fixed = trimPiece(fixed); fixed != "" && !isCovered(fixed, pieces) {
				t.Errorf("docs/troubleshooting.md has %q, and the code never says %q", entry, fixed)
			}
		}
	}
}

// If this fails, an error that the code can end with is on no page.
func TestTroubleshootingHasEveryExplanation(t *testing.T) {
	t.Parallel()
	sentences := messagesOf(t, "*.go")
	for _, reason := range databasePasswordReasons {
		sentences = append(sentences, reason.err.Error())
	}
	for _, reason := range storeCodes {
		sentences = append(sentences, reason.err.Error())
	}
	for _, sentence := range sentences {
		if has, err := hasEntryFrom(sentence); !has || err != nil {
			t.Errorf("docs/troubleshooting.md has no entry for %q: %v", sentence, err)
		}
	}
}

// If this fails, an operator who cannot connect finds the cause on no page.
func TestTroubleshootingHasEveryNetworkFailure(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(troubleshootingPage)
	if err != nil {
		t.Fatal(err)
	}
	for failure := netconn.Refused; failure.String() != ""; failure++ {
		if !strings.Contains(string(page), "| "+failure.String()+" |") {
			t.Errorf("docs/troubleshooting.md has no row for %q", failure)
		}
	}
}

// hasEntryFrom reports whether the page has an entry for a message of the code. Where the message ends with what only the run
// knows, an entry that begins like it will do: a test that provokes the error holds the rest.
func hasEntryFrom(message string) (bool, error) {
	entries, err := pageEntries()
	if start, ends := strings.CutSuffix(message, unknownText); ends && !strings.Contains(start, unknownText) {
		for entry := range entries {
			if strings.HasPrefix(entry, start) {
				return true, err
			}
		}
	}
	has, err := HasEntry(message)
	return has, err
}

// messagesOf returns the messages of errors in files of this package, each as its entry must match it. One that begins with
// what another error says is left out: that one has the entry.
func messagesOf(t *testing.T, pattern string) (messages []string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files match %s: %v", len(names), pattern, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		eachNode(t, name, func(node ast.Node) {
			literal, is := node.(*ast.CompositeLit)
			if !is || !isUserError(literal.Type) {
				return
			}
			for _, element := range literal.Elts {
				if field, is := element.(*ast.KeyValueExpr); is && isNamed(field.Key, "Message") {
					if message := messageText(t, field.Value); message != "" && !strings.HasPrefix(message, unknownText) {
						messages = append(messages, message)
					}
				}
			}
		})
	}
	return messages
}

// unknownText stands for what a message gets at run time.
const unknownText = "7"

// isUserError reports whether a type is ui.Error.
func isUserError(of ast.Expr) bool {
	selector, is := of.(*ast.SelectorExpr)
	return is && isNamed(selector.X, "ui") && selector.Sel.Name == "Error"
}

func isNamed(expression ast.Expr, name string) bool {
	ident, is := expression.(*ast.Ident)
	return is && ident.Name == name
}

// messageText writes a message with unknownText for what only the run knows.
func messageText(t *testing.T, expression ast.Expr) string {
	t.Helper()
	switch of := expression.(type) {
	case *ast.BasicLit:
		return textOf(t, of)
	case *ast.BinaryExpr:
		return messageText(t, of.X) + messageText(t, of.Y)
	case *ast.CallExpr:
		if called, is := of.Fun.(*ast.SelectorExpr); is && called.Sel.Name == "Sprintf" {
			return verb.ReplaceAllString(messageText(t, of.Args[0]), unknownText)
		}
	}
	return unknownText
}

// piecesOfCode returns the texts of the program, cut at what fmt replaces.
func piecesOfCode(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	collect := func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		eachNode(t, path, func(node ast.Node) {
			if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
				for _, piece := range verb.Split(textOf(t, literal), -1) {
					seen[trimPiece(piece)] = true
				}
			}
		})
		return nil
	}
	for _, root := range []string{"..", "../../pkg"} {
		if err := filepath.WalkDir(root, collect); err != nil {
			t.Fatal(err)
		}
	}
	delete(seen, "")
	pieces := make([]string, 0, len(seen))
	for piece := range seen {
		pieces = append(pieces, piece)
	}
	return pieces
}

// eachNode visits the nodes of a file.
func eachNode(t *testing.T, path string, visit func(ast.Node)) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		visit(node)
		return true
	})
}

func textOf(t *testing.T, literal *ast.BasicLit) string {
	t.Helper()
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// trimPiece takes away what joins a text to its neighbours.
func trimPiece(text string) string { return strings.Trim(text, " :;,()\"'\n") }

// isCovered reports whether a text of the page is a part of one text of the program, or is made of
// the end of one, whole ones, and the beginning of one, as a program joins them.
func isCovered(text string, pieces []string) bool {
	if slices.ContainsFunc(pieces, func(piece string) bool { return strings.Contains(piece, text) }) {
		return true
	}
	return eachCut(text, func(left, right string) bool {
		return slices.ContainsFunc(pieces, func(piece string) bool { return strings.HasSuffix(piece, left) }) && goesOn(right, pieces)
	})
}

// goesOn reports whether a text is the beginning of one text of the program, or begins with whole ones.
func goesOn(text string, pieces []string) bool {
	if slices.ContainsFunc(pieces, func(piece string) bool { return strings.HasPrefix(piece, text) }) {
		return true
	}
	return eachCut(text, func(left, right string) bool { return slices.Contains(pieces, left) && goesOn(right, pieces) })
}

// eachCut tries each place between two words, until one will do.
func eachCut(text string, try func(left, right string) bool) bool {
	for i, r := range text {
		if r == ' ' {
			if left, right := trimPiece(text[:i]), trimPiece(text[i:]); left != "" && right != "" && try(left, right) {
				return true
			}
		}
	}
	return false
}

// If this fails, an operator searches the page for what stands on the screen and finds nothing.
func TestTroubleshootingHasWhatOperatorsSearch(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(troubleshootingPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"no space left", "permission denied", "looks like a secret", "two keys under one version number"} {
		if !strings.Contains(string(page), text) {
			t.Errorf("docs/troubleshooting.md does not have %q", text)
		}
	}
	for _, sentence := range []string{"there is no rotation to finish: no older key version waits to be taken away", "none of the tables that hold encrypted values is here",
		"--from-version 1 is the version that values are to be brought to", ".env holds secrets and every account of this machine can read it (mode 0644)"} {
		if has, err := HasEntry(sentence); !has || err != nil {
			t.Errorf("docs/troubleshooting.md has no entry for %q: %v", sentence, err)
		}
	}
}
