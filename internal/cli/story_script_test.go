package cli_test

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// takeFile puts the text of a file into a variable, without the white space around it.
//
//	take KEY copy
func takeFile(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: take VARIABLE file")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}
