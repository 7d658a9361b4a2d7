package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/visible"
)

// If this fails, a statement that is shown for a table with a strange name writes to the terminal what that name says, or
// gives the right on nothing when it is pasted.
func TestGrantsOfStrangeNamesCanBePasted(t *testing.T) {
	t.Parallel()
	const name = "a\x1b[2J\u009b\u202e\U000e0041 \\00e9 \"b\" é\n"
	server := testenv.Shared(t)
	database, err := server.CreateDatabase(t.Context(), "create table "+postgres.Quote(name)+" (n int)")
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, server.URL("postgres", database))
	for _, statement := range finding.Grants([]finding.Right{postgres.TableRight("select", "public", name, "postgres")}) {
		if strings.IndexFunc(statement, visible.IsHidden) >= 0 {
			t.Errorf("it is shown as %q", statement)
		}
		if err := db.With(t.Context(), func(conn *pgconn.PgConn) error {
			_, err := postgres.QueryRows(t.Context(), conn, statement)
			return err
		}); err != nil {
			t.Errorf("%q: %v", statement, err)
		}
	}
	for plain, want := range map[string]string{"users": "users", "Users": `"Users"`, `a"b\`: `"a""b\"`, "ünï": `"ünï"`} {
		if got := postgres.Ident(plain); got != want {
			t.Errorf("%q is written as %s", plain, got)
		}
	}
}
