package logfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// skippedFolders have code of others, code that is made from other code, and tests.
var skippedFolders = []string{".git", "node_modules", "vendor", "dist", "build", "coverage", "test", "tests", "__tests__", "fixtures"}

// codeExtensions are those of the languages that OCMT and its scripts are written in.
var codeExtensions = []string{".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts", ".tsx", ".sh", ".py"}

// maxCodeLine is the length from which on a line was made by a program, in bytes.
const maxCodeLine = 4 << 10

// logCall matches a call that writes to a log or to the terminal.
var logCall = regexp.MustCompile(`\b(?:console\.(?:log|error|warn|info|debug|trace)|(?:logger|log)\.(?:log|error|warn|info|debug|trace|fatal)|process\.std(?:out|err)\.write|print|printf|echo)\b\s*\(?(.*)`)

// Texts in code, without what is computed in a template.
var (
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)
	template = regexp.MustCompile("`[^`]*`?")
	computed = regexp.MustCompile(`\$\{[^}]*\}`)
	indexed  = regexp.MustCompile(`(?:\[|\.get\(|getenv\()\s*["']([A-Z0-9_]+)["']\s*[\])]`)
	variable = regexp.MustCompile(`\$\{?([A-Z0-9_]+)\}?`)
)

// harmless matches an expression that tells of a secret no more than whether it is set, or how long
// it is, or a masked form of it.
var harmless = regexp.MustCompile(`(?i)(?:!!|!|typeof\s+|boolean\(|mask\w*\(|redact\w*\(|hash\w*\(|sanitize\w*\()\s*(?:process\.env\.)?$`)

// harmlessAfter matches the same behind the name of a setting.
var harmlessAfter = regexp.MustCompile(`^(?:\.length|\s*\?[^.?]|\s*[=!]==?|\s*(?:&&|\|\|)\s*$)`)

// secretName matches a name that can be a setting.
var secretName = regexp.MustCompile(`[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+`)

// Code searches the code for calls that write a secret to a log. The error is that of the context.
func (s *Source) Code(ctx context.Context) (*audit.CodeSearch, error) {
	search := &audit.CodeSearch{}
	files, gaps := listFiles(s.places.Code, isCode, skippedFolders)
	search.Gaps = gaps
	for _, path := range files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		search.Searched++
		lines, err := searchCode(path)
		if err != nil {
			search.Gaps = append(search.Gaps, gapOf(path, err))
		}
		search.Lines = append(search.Lines, lines...)
	}
	return search, nil
}

// isCode reports whether a file is code, and no test and no declaration.
func isCode(path string) bool {
	name := filepath.Base(path)
	for _, part := range []string{".test.", ".spec.", ".min.", ".d.ts"} {
		if strings.Contains(name, part) {
			return false
		}
	}
	return slices.Contains(codeExtensions, filepath.Ext(name))
}

func searchCode(path string) ([]audit.CodeLine, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening code: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	var list []audit.CodeLine
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for number := 1; lines.Scan(); number++ {
		if len(lines.Bytes()) > maxCodeLine {
			continue
		}
		for _, setting := range printedSecrets(lines.Text()) {
			list = append(list, audit.CodeLine{Path: path, Line: number, Setting: setting})
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) { // a line of 16 MB was made by a program
		return list, fmt.Errorf("reading code: %w", err)
	}
	return list, nil
}

// printedSecrets returns the secret settings whose values a line of code prints.
func printedSecrets(line string) []string {
	trimmed := strings.TrimSpace(line)
	call := logCall.FindStringSubmatch(trimmed)
	if call == nil || strings.Contains(line, "***") || strings.HasPrefix(trimmed, "//") || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, "*") {
		return nil
	}
	var list []string
	for _, text := range expressionsOf(call[1], strings.HasPrefix(call[0], "echo")) {
		for _, at := range secretName.FindAllStringIndex(text, -1) {
			name := text[at[0]:at[1]]
			if isSecretSetting(name) && !harmless.MatchString(text[:at[0]]) && !harmlessAfter.MatchString(text[at[1]:]) && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// expressionsOf returns the parts of the arguments of a call that are computed: what is not within
// quotes, and what is in ${} of a template.
func expressionsOf(arguments string, shell bool) []string {
	if shell {
		return shellExpressions(arguments)
	}
	list := computed.FindAllString(arguments, -1)
	arguments = indexed.ReplaceAllString(arguments, ".$1")
	arguments = template.ReplaceAllString(arguments, "``")
	return append(list, quoted.ReplaceAllString(arguments, `""`))
}

// shellExpressions returns the variables that echo prints. What goes into a file or to another program
// is not printed.
func shellExpressions(arguments string) []string {
	arguments = strings.ReplaceAll(arguments, ">&2", "")
	if strings.ContainsAny(arguments, "|>") {
		return nil
	}
	var list []string
	for _, match := range variable.FindAllStringSubmatch(arguments, -1) {
		list = append(list, match[1])
	}
	return list
}

// isSecretSetting reports whether a setting is a secret (contract, section 2).
func isSecretSetting(name string) bool {
	if strings.HasPrefix(name, secret.NameEncryptionKey) {
		return name != secret.NameEncryptionKeyVersion
	}
	return slices.ContainsFunc(ocmt.Settings(), func(s ocmt.Setting) bool { return s.Name == name && !s.Path })
}
