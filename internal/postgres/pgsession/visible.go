package pgsession

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// kindNames says what a relation is.
const kindNames = `case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table' else 'a table' end`

// missing says that a table is not there, and what else has its name: nothing found must not be taken
// for nothing alive.
func missing(ctx context.Context, conn *pgconn.PgConn, name string) error {
	others, err := postgres.QueryColumn(ctx, conn, `select n.nspname || '.' || c.relname || ', ' || `+kindNames+` from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema') order by 1`, name)
	if err != nil {
		return err
	}
	return &MissingTableError{Table: name, Others: others}
}

// HiddenRowsError says that row security hides rows of a table from the account.
type HiddenRowsError struct{ Table string }

// Error names the table.
func (e *HiddenRowsError) Error() string {
	return fmt.Sprintf("row security of %s hides rows from this account, so that nothing found would mean nothing", e.Table)
}

// refuseHidden refuses a table whose rows may be hidden.
func refuseHidden(ctx context.Context, conn *pgconn.PgConn, l layout) error {
	rows, err := postgres.QueryColumn(ctx, conn, "select row_security_active($1::regclass)", l.path())
	if err == nil && rows[0] == "t" {
		err = &HiddenRowsError{Table: l.schema + "." + l.name}
	}
	return err
}

// checkTimeZone compares the time zone of the connection with those that the servers may have: that of
// the server and database, and those that are set for other accounts.
func checkTimeZone(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := postgres.QueryRows(ctx, conn, `select current_setting('TimeZone'), (select source from pg_settings where name = 'TimeZone'),
		coalesce((select split_part(c, '=', 2) || chr(10) || r.rolname from pg_db_role_setting s cross join unnest(s.setconfig) c join pg_roles r on r.oid = s.setrole
			where c ilike 'timezone=%' and s.setdatabase in (0, (select oid from pg_database where datname = current_database())) and r.rolcanlogin
			and r.rolname <> current_user and split_part(c, '=', 2) <> current_setting('TimeZone') order by 1 limit 1), '')`)
	if err != nil {
		return err
	}
	zone, source, other := rows[0][0], rows[0][1], rows[0][2]
	switch {
	case source == "client":
		return &session.TimeZoneError{Ours: zone}
	case other != "":
		theirs, role, _ := strings.Cut(other, "\n")
		return &session.TimeZoneError{Ours: zone, Of: role, Theirs: theirs}
	}
	return nil
}
