package pgchain_test

import (
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, there is no record on PostgreSQL 13, or what others made is taken for it; or an account
// with the rights of docs/roles.sql and no more cannot add to it there.
func TestOldServer(t *testing.T) {
	t.Parallel()
	server := testenv.RequirePostgres(t, 13)
	d := newDatabaseOn(t, server)
	fill(t, newStore(t, d.url), 2)
	d.exec("create role rotator login; grant usage on schema ocmt to rotator; grant select, insert on ocmt.record to rotator")
	store := newStore(t, server.URL("rotator", d.name))
	fill(t, store, 2)
	if report := mustVerify(t, store, ""); report.Break != nil || report.Count != 4 {
		t.Errorf("%+v", report)
	}
	d.exec("create function no() returns trigger language plpgsql as $$ begin return null; end $$; alter function no() owner to rotator; create trigger no before insert on ocmt.record for each row execute function no()")
	var foreign *pgchain.ForeignError
	if _, err := newStore(t, d.url).Verify(t.Context(), ""); !errors.As(err, &foreign) {
		t.Errorf("%v", err)
	}
}
