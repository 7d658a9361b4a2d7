package pgmigrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
)

// adviseKey says how to give a table a column that names one row each, and how to name it.
func adviseKey(ctx context.Context, conn *pgconn.PgConn, oid string, table migrate.Table) (string, error) {
	key, err := findRowKey(ctx, conn, oid)
	if err != nil {
		return "", err
	}
	first := ""
	if key == "" {
		key, first = discover.AddedKey, discover.AddKey(table.Schema, table.Name, false)
	}
	return first + "list the table in ocmt.yaml under columns with this key: " + entriesOf(table, key), nil
}

// findRowKey returns a column that names one row each, "" where there is none.
func findRowKey(ctx context.Context, conn *pgconn.PgConn, oid string) (string, error) {
	names, err := postgres.QueryColumn(ctx, conn, `select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
		where i.indrelid = $1::oid and `+postgres.NamesRows+`
		order by i.indisprimary desc, a.attnum limit 1`, oid)
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[0], nil
}

// entriesOf writes the columns of a table as entries of ocmt.yaml.
func entriesOf(table migrate.Table, key string) string {
	entries := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		entries[i] = discover.ColumnEntry(table.Schema, table.Name, key, column.Name)
	}
	return strings.Join(entries, " ")
}

// notATable says that something else stands in a table's place. What is behind a view is added
// by reportViews.
func notATable(place migrate.Table, entry ocmt.Table, kind string) finding.Finding {
	found := finding.Finding{Code: finding.NotATable, Severity: finding.Error, Where: place.String(), Evidence: "kind " + kind,
		Message: "it is a foreign table, whose values are in another database",
		Fix:     "run ocmt on that database too, and list it here in ocmt.yaml under known:"}
	for _, column := range entry.Columns {
		found.Fix += " " + discover.KnownEntry(place.Schema, place.Name, column.Name)
	}
	return found
}

// reportViews looks behind the views that stand in a table's place. A view over tables that are
// described is no obstacle: their values are moved, and the search of the database looks at
// everything else. Otherwise the finding names the tables behind it.
func reportViews(ctx context.Context, conn *pgconn.PgConn, found *migrate.Description) error {
	var kept []finding.Finding
	for _, one := range found.Findings {
		if one.Code != finding.NotATable || one.Evidence == "kind f" {
			kept = append(kept, one)
			continue
		}
		behind, err := tablesBehind(ctx, conn, one.Where)
		if err != nil {
			return fmt.Errorf("looking behind the view %s: %w", one.Where, err)
		}
		if slices.ContainsFunc(found.Tables, func(t migrate.Table) bool { return slices.Contains(behind, t.String()) }) {
			continue
		}
		one.Message = "it is a view, and values can be replaced safely in a table only"
		one.Fix = "list the table behind it in ocmt.yaml under columns, with its schema and key: ocmt migrate columns --discover finds the column"
		if len(behind) > 0 {
			one.Fix = "list the table behind it in ocmt.yaml under columns, with its schema, key and column: " + strings.Join(behind, " or ")
		}
		kept = append(kept, one)
	}
	found.Findings = kept
	return nil
}

// tablesBehind returns the tables that a view reads, also through other views.
func tablesBehind(ctx context.Context, conn *pgconn.PgConn, view string) ([]string, error) {
	schema, name, _ := strings.Cut(view, ".")
	return postgres.QueryColumn(ctx, conn, `with recursive behind(oid) as (select to_regclass($1)::oid
			union select d.refobjid from behind join pg_rewrite r on r.ev_class = behind.oid
			join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass)
		select n.nspname || '.' || c.relname from behind join pg_class c on c.oid = behind.oid join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') order by 1`, postgres.Quote(schema, name))
}
