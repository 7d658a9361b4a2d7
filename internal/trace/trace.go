// Package trace tells what a program does with its servers, and how long each part takes. It tells names
// alone: no text of a statement and no value, for both can have a secret in them.
package trace

import (
	"runtime"
	"strings"
	"unicode"
)

// Begin is told of a step that begins. What it returns is called when the step has ended, with what came of
// it, which may be "". It is safe for concurrent use.
type Begin func(what string) (end func(result string))

// CallerIn returns in words what the function of a package below root does that this was called for: "pgrecord: key
// states" for (*pgrecord.Record).KeyStates. The nearest one to the caller counts that is not in a package of skip. It
// returns "" where there is none.
func CallerIn(root string, skip ...string) string {
	const deepest = 64
	callers := make([]uintptr, deepest)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		if rest, inside := strings.CutPrefix(frame.Function, root); inside && !isOneOf(rest, skip) {
			return words(rest)
		}
		if !more {
			return ""
		}
	}
}

// isOneOf reports whether a function, by its name below the root, belongs to one of the packages.
func isOneOf(function string, packages []string) bool {
	for _, one := range packages {
		if strings.HasPrefix(function, one+".") {
			return true
		}
	}
	return false
}

// words makes "pgrecord: key states" of "postgres/pgrecord.(*Record).KeyStates.func1".
func words(function string) string {
	function = function[strings.LastIndexByte(function, '/')+1:]
	parts := strings.Split(function, ".")
	name := ""
	for _, part := range parts[1:] {
		if part != "" && part[0] != '(' && !isGenerated(part) {
			name = part
		}
	}
	var b strings.Builder
	b.WriteString(parts[0] + ": ")
	letters := []rune(strings.TrimSuffix(name, "[")) // what a generic function is of stands behind it
	for i, letter := range letters {
		if unicode.IsUpper(letter) && i > 0 && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(letter))
	}
	return b.String()
}

// isGenerated reports whether a part of a function's name was made by the compiler for a function without one.
func isGenerated(part string) bool {
	part = strings.TrimPrefix(strings.TrimPrefix(part, "gowrap"), "func")
	return strings.Trim(part, "0123456789") == "" || part == "]"
}
