package cli_test

import (
	"context"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocmt/ocmt/internal/ui"
)

// grantStatement matches a statement that gives rights, and words of one.
var grantStatement = regexp.MustCompile(`(?i)\bgrant [a-z]`)

// pasteGrants runs the block of statements that the last command ended with, as an operator does who pastes it into
// psql: on the database of OWNER_URL. It fails where there is no block, where there are two, or where a statement stands
// outside of it.
//
//	paste
func pasteGrants(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 0 {
		ts.Fatalf("usage: paste")
	}
	if grantStatement.MatchString(ts.ReadFile("stdout")) {
		ts.Fatalf("a statement stands on standard output, outside of the block")
	}
	before, behind, found := strings.Cut(ts.ReadFile("stderr"), "  next: "+ui.GrantAdvice+"\n")
	if !found {
		ts.Fatalf("there is no block with statements")
	}
	var block []string
	lines := strings.SplitAfter(behind, "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "        grant ") {
		block, lines = append(block, lines[0]), lines[1:]
	}
	if len(block) == 0 || grantStatement.MatchString(before+strings.Join(lines, "")) {
		ts.Fatalf("the block is empty, or a statement stands outside of it")
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, ts.Getenv("OWNER_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, strings.Join(block, "")).ReadAll()
	ts.Check(err)
}
