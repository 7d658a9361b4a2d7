package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
)

// ClosedTable is a table in a schema that the search path of the account names and the account may not use. PostgreSQL
// passes over such a schema, so that the table seems not to be there.
type ClosedTable struct {
	Schema, Name, Account string
	MayRead, MayWrite     bool // the rights on the table itself
}

// ReadRights returns what the account lacks to read the table.
func (t ClosedTable) ReadRights() []finding.Right {
	missing := []finding.Right{SchemaRight("usage", t.Schema, t.Account)}
	if !t.MayRead {
		missing = append(missing, TableRight("select", t.Schema, t.Name, t.Account))
	}
	return missing
}

// ClosedTables returns the tables of some names, with one of some columns, that only a schema hides which the account may
// not use.
func ClosedTables(ctx context.Context, conn *pgconn.PgConn, names, columns []string) ([]ClosedTable, error) {
	state, err := leavePath(ctx, conn)
	if err != nil {
		return nil, err
	}
	rows, err := QueryRows(ctx, conn, `select n.nspname, c.relname, current_user, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'UPDATE')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relname = any($1::text[]) and (n.nspname = any($2::text[]) or n.nspname = current_user and '$user' = any($2::text[]))
		and c.relkind in ('r', 'p') and not has_schema_privilege(n.oid, 'USAGE')
		and exists (select from pg_attribute where attrelid = c.oid and attname = any($3::text[]) and not attisdropped)
		and not exists (select from pg_class o join pg_namespace m on m.oid = o.relnamespace where o.relname = c.relname and m.nspname = any($4::text[])) order by 1, 2`,
		TextArray(names), TextArray(state.named()), TextArray(columns), TextArray(state.Schemas))
	if err != nil {
		return nil, fmt.Errorf("asking for schemas that are closed: %w", err)
	}
	var list []ClosedTable
	for _, row := range rows {
		list = append(list, ClosedTable{Schema: row[0], Name: row[1], Account: row[2], MayRead: row[3] == "t", MayWrite: row[4] == "t"})
	}
	return list, nil
}

// named returns the names that the setting of the path has, whether or not there is such a schema.
func (p SearchPath) named() []string {
	var list []string
	for rest := p.Setting; strings.TrimSpace(rest) != ""; {
		var name string
		rest = strings.TrimLeft(rest, " \t\n,")
		if strings.HasPrefix(rest, `"`) {
			name, rest = cutQuoted(rest[1:])
		} else {
			name, rest, _ = strings.Cut(rest, ",")
			name = strings.ToLower(strings.TrimSpace(name))
		}
		if name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// cutQuoted returns a quoted identifier, of which the first quote is cut off, and what follows it.
func cutQuoted(text string) (name, rest string) {
	for {
		before, after, _ := strings.Cut(text, `"`)
		name += before
		if !strings.HasPrefix(after, `"`) {
			return name, after
		}
		name, text = name+`"`, after[1:]
	}
}
