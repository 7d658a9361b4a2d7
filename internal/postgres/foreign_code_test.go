package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/testenv"
)

// foreignCode returns what is said of a table of the schema public to an account, "" where nothing is.
func foreignCode(t *testing.T, address, table string) (reason string) {
	t.Helper()
	err := open(t, address).With(t.Context(), func(conn *pgconn.PgConn) error {
		oid, err := postgres.QueryColumn(t.Context(), conn, "select ($1::text)::regclass::oid", "public."+table)
		if err != nil {
			return err
		}
		found, err := postgres.FindForeignCode(t.Context(), conn, postgres.Writing, oid...)
		for _, one := range found {
			reason = one.Reason()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return reason
}

// If this fails, a role that the operator's account has made, and can only administer, has its code run with the rights
// of that account: the server makes whoever creates a role a member of it.
func TestRoleThatOneCreatedIsNotTrusted(t *testing.T) {
	t.Parallel()
	server := testenv.RequirePostgres(t, 18)
	name, err := server.CreateDatabase(t.Context(), "create role rotator login createrole", "grant create on schema public to rotator",
		"set role rotator; create role intern; create role own; create table notes (v text); grant trigger on notes to intern, own; reset role; grant own to rotator",
		"grant create on schema public to intern, own")
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"own", "intern"} {
		err = testenv.Exec(t.Context(), server.URL("postgres", name), "set role "+role+"; create function "+role+"() returns trigger language plpgsql as 'begin return new; end'; create trigger "+role+" before update on notes for each row execute function "+role+"()")
		if err != nil {
			t.Fatal(err)
		}
		if got := foreignCode(t, server.URL("rotator", name), "notes"); strings.Contains(got, "function public.intern() of intern") != (role == "intern") {
			t.Errorf("with a trigger of %s: %q", role, got)
		}
	}
}

// If this fails, whoever was given TRIGGER on a table has any statement run with the rights of the operator, by a function
// of an extension in the condition of a trigger.
func TestConditionOfTriggerCallsAnExtension(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(t.Context(), "create table notes (v text)",
		"create trigger plain before update on notes for each row when (lower(new.v) <> 'a') execute function suppress_redundant_updates_trigger()")
	if err != nil {
		t.Fatal(err)
	}
	address := server.URL("postgres", name)
	if got := foreignCode(t, address, "notes"); got != "" {
		t.Errorf("of a condition that changes nothing: %s", got)
	}
	if testenv.Exec(t.Context(), address, "create extension dblink") != nil {
		t.Skip("not run: this PostgreSQL has no dblink")
	}
	err = testenv.Exec(t.Context(), address,
		"create trigger odd before update on notes for each row when (dblink_exec('', 'drop table notes') is not null) execute function suppress_redundant_updates_trigger()")
	if err != nil {
		t.Fatal(err)
	}
	if got := foreignCode(t, address, "notes"); !strings.Contains(got, "trigger odd on table public.notes has a condition that calls public.dblink_exec(text,text)") {
		t.Errorf("%q", got)
	}
}
