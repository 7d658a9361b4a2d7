package pgusertoken

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/usertoken"
)

// The columns of users that are needed, and the one with a user's container where a deployment has it.
const (
	columnToken     = "gateway_token"
	columnContainer = "container_id"
)

// layout is the table of users as the catalogue has it.
type layout struct {
	schema, name string
	columns      map[string]string // types by name
}

// path returns the table as SQL writes it.
func (l layout) path() string { return postgres.Quote(l.schema, l.name) }

// Check implements usertoken.Reader.
func (s *Store) Check(ctx context.Context) (table usertoken.Table, err error) {
	var l layout
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		if l, err = describe(ctx, conn); err != nil {
			return err
		}
		if err := l.checkRights(ctx, conn); err != nil {
			return err
		}
		if err := s.refuseSpread(ctx, conn, l); err != nil {
			return err
		}
		table = usertoken.Table{Name: l.schema + "." + l.name, Containers: l.columns[columnContainer] != ""}
		names, err := postgres.QueryColumn(ctx, conn, "select current_database()")
		if err != nil {
			return err
		}
		table.Database = names[0]
		table.Triggers, err = postgres.QueryColumn(ctx, conn, `select t.tgname from pg_trigger t where t.tgrelid = $1::regclass and not t.tgisinternal and t.tgenabled <> 'D' and t.tgtype & 16 <> 0
			union all select r.rulename from pg_rewrite r where r.ev_class = $1::regclass and r.ev_type = '2' and r.ev_enabled <> 'D' order by 1`, l.path())
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layout = l
	return table, err
}

// describe looks for the table of users.
func describe(ctx context.Context, conn *pgconn.PgConn) (l layout, err error) {
	rows, err := postgres.QueryRows(ctx, conn, `select n.nspname, c.relname, c.relkind, a.attname, format_type(a.atttypid, null) from pg_class c
		join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.oid = to_regclass('$users')`)
	if err != nil {
		return l, err
	}
	if len(rows) == 0 {
		return l, &usertoken.BarredError{Reason: "the database has no table users on the search path of this account",
			Fix: "check that DATABASE_URL names the OCMT database, and the search path of its account"}
	}
	l = layout{schema: rows[0][0], name: rows[0][1], columns: map[string]string{}}
	if kind := rows[0][2]; kind != "r" && kind != "p" {
		return l, &usertoken.BarredError{Reason: "users is no table but a view, or stands on another server", Fix: "use the account that the servers use in DATABASE_URL"}
	}
	for _, row := range rows {
		l.columns[row[3]] = row[4]
	}
	for _, needed := range []string{"id", "email", columnToken} {
		if l.columns[needed] == "" {
			return l, &usertoken.BarredError{Reason: fmt.Sprintf("the table %s.%s has no column %s", l.schema, l.name, needed), Fix: "bring the table to the form that OCMT's migrations give it"}
		}
	}
	if l.columns["id"] != "uuid" {
		return l, &usertoken.BarredError{Reason: fmt.Sprintf("the column id of %s.%s is no uuid", l.schema, l.name), Fix: "bring the table to the form that OCMT's migrations give it"}
	}
	return l, nil
}

// checkRights refuses a server that takes no writes, rows that may be hidden, and rights that are missing.
func (l layout) checkRights(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := postgres.QueryRows(ctx, conn, `select pg_is_in_recovery(), current_setting('transaction_read_only'), row_security_active($1::regclass), current_user, current_database(),
		has_database_privilege(current_database(), 'TEMPORARY')`, l.path())
	if err != nil {
		return err
	}
	standby, readOnly, hidden, who, database, temporary := rows[0][0], rows[0][1], rows[0][2], rows[0][3], rows[0][4], rows[0][5]
	switch {
	case standby == "t":
		return &usertoken.BarredError{Reason: "this server is a read-only standby", Fix: "point DATABASE_URL at the primary"}
	case readOnly == "on":
		return &usertoken.BarredError{Reason: "the database or this account is set read-only", Fix: "see default_transaction_read_only of the database and of the role"}
	case hidden == "t":
		return &usertoken.BarredError{Reason: fmt.Sprintf("row security of %s.%s may hide rows from this account, so that not all tokens would be seen", l.schema, l.name),
			Fix: "use the account that the servers use, or one with BYPASSRLS"}
	}
	lacking, err := postgres.QueryRows(ctx, conn, `select r, a.attname from pg_attribute a cross join (values ('select'), ('update')) x (r)
		where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and (r = 'select' or a.attname = $3) and a.attname = any($2::text[])
		and not has_column_privilege(a.attrelid, a.attnum, r) order by r, a.attnum`, l.path(), postgres.TextArray(l.readColumns()), columnToken)
	if err != nil {
		return err
	}
	var missing []finding.Right
	for _, one := range lacking {
		missing = append(missing, postgres.ColumnRight(one[0], l.schema, l.name, one[1], who))
	}
	if temporary != "t" {
		missing = append(missing, postgres.DatabaseRight("temporary", database, who))
	}
	if len(missing) > 0 {
		return &usertoken.BarredError{Reason: "the account has not the rights to read and write the tokens", Missing: missing}
	}
	return nil
}

// readColumns returns the columns that are read, of those that there are.
func (l layout) readColumns() []string {
	return slices.DeleteFunc([]string{"id", "email", "tenant_id", columnToken, columnContainer}, func(name string) bool { return l.columns[name] == "" })
}
