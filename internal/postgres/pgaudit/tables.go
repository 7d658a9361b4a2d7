package pgaudit

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres"
)

// located is a table as the database has it.
type located struct {
	schema, name string
	columns      map[string]string // types by name
}

// path returns the name of the table as SQL writes it.
func (l located) path() string { return postgres.Quote(l.schema, l.name) }

// String returns the name for people.
func (l located) String() string { return l.schema + "." + l.name }

func (l located) has(column string) bool { return l.columns[column] != "" }

// first returns the first of some columns that the table has, "" for none.
func (l located) first(columns ...string) string {
	for _, column := range columns {
		if l.has(column) {
			return column
		}
	}
	return ""
}

// alive is the condition that a row t of the table is live (contract, section 3).
func (l located) alive() string {
	terms := []string{"true"}
	if l.has("expires_at") {
		terms = append(terms, "coalesce(t.expires_at > now(), true)")
	}
	for _, mark := range []string{"revoked_at", "used_at", "confirmed_at"} {
		if l.has(mark) {
			terms = append(terms, "t."+mark+" is null")
		}
	}
	return strings.Join(terms, " and ")
}

// locate finds a table on the search path. The error is an *audit.AbsentError where there is none of that
// name in any schema, and an *audit.GapError where it stands elsewhere or is no table.
func (s *Snapshot) locate(ctx context.Context, name string) (l located, err error) {
	rows, err := s.ask(ctx, question{what: "the table " + name, args: []string{name}, sql: `select n.nspname, c.relkind, pg_table_is_visible(c.oid), has_schema_privilege(n.oid, 'USAGE'), a.attname, format_type(a.atttypid, null)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.relname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 3 desc, 1, a.attnum`})
	if err != nil {
		return l, err
	}
	if len(rows) == 0 {
		return l, &audit.AbsentError{What: name, Evidence: "pg_class has no table " + name}
	}
	l = located{schema: rows[0][0], name: name, columns: map[string]string{}}
	gap := audit.Gap{What: l.String()}
	switch kind := rows[0][1]; {
	case rows[0][3] != "t":
		gap.Reason, gap.Missing = "the account may not look into its schema", "USAGE on schema "+l.schema
		gap.Grant = "GRANT USAGE ON SCHEMA " + postgres.Quote(l.schema) + " TO " + postgres.Quote(s.account)
	case rows[0][2] != "t":
		gap.Reason = "its schema is not on the search path of the account"
		gap.Grant = "ALTER ROLE " + postgres.Quote(s.account) + " SET search_path = " + postgres.Quote(l.schema)
	case kind != "r" && kind != "p":
		gap.Reason = "it is a view or a foreign table, which can leave rows out"
	}
	if gap.Reason != "" {
		return l, &audit.GapError{Gap: gap}
	}
	for _, row := range rows {
		if row[0] == l.schema {
			l.columns[row[4]] = row[5]
		}
	}
	return l, nil
}

// locateWith finds a table that has a column. Where it lacks the column, the error is an *audit.AbsentError.
func (s *Snapshot) locateWith(ctx context.Context, name string, columns ...string) (l located, column string, err error) {
	if l, err = s.locate(ctx, name); err != nil {
		return l, "", err
	}
	if column = l.first(columns...); column == "" {
		err = &audit.AbsentError{What: name, Evidence: "pg_attribute has no column " + strings.Join(columns, " or ") + " of " + l.String()}
	}
	return l, column, err
}
