package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// Describe implements migrate.Store.
func (s *Store) Describe(ctx context.Context, catalogue []ocmt.Table) (*migrate.Description, error) {
	found := &migrate.Description{}
	err := s.with(ctx, func(conn *pgconn.PgConn) error {
		for _, entry := range catalogue {
			if err := describeEntry(ctx, conn, entry, found); err != nil {
				return fmt.Errorf("describing table %s: %w", entry.Name, err)
			}
		}
		return nil
	})
	return found, err
}

// describeEntry looks for a table under both of its names: a deployment can
// have both.
func describeEntry(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, found *migrate.Description) error {
	seen := false
	for _, name := range []string{entry.Name, entry.OldName} {
		if name == "" {
			continue
		}
		there, err := describeTable(ctx, conn, entry, name, found)
		if err != nil {
			return err
		}
		seen = seen || there
	}
	if !seen {
		found.Absent = append(found.Absent, entry.Name)
		for _, column := range entry.Columns {
			require(entry.Name, column, found)
		}
	}
	return nil
}

// require makes the absence of a column that the deployment itself names an
// obstacle: a slip in its name must not read as nothing to do.
func require(table string, column ocmt.Column, found *migrate.Description) {
	if column.Required {
		found.Obstacles = append(found.Obstacles, migrate.Obstacle{Code: "unknown_column", Where: table + "." + column.Name,
			Message: "ocmt.yaml names this column and the database does not have it",
			Fix:     "look for a slip in its name, its table or its schema, or take it out of ocmt.yaml"})
	}
}

// describeTable adds the table of a name to what is found, and reports whether
// there is one.
func describeTable(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, name string, found *migrate.Description) (bool, error) {
	path := quoted(name)
	if entry.Schema != "" {
		path = quoted(entry.Schema, name)
	}
	rows, err := rowsOf(ctx, conn, `select c.oid, n.nspname, c.relname, c.relkind from pg_class c
		join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`, path)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	oid, kind := rows[0][0], rows[0][3]
	table := &migrate.Table{Schema: rows[0][1], Name: rows[0][2], Key: entry.Key}
	if kind != "r" && kind != "p" {
		found.Obstacles = append(found.Obstacles, migrate.Obstacle{Code: "not_a_table", Where: table.String(),
			Message: "it is a view, a foreign table or an index, and values can be replaced safely in a table only",
			Fix:     "name the table behind it under columns in ocmt.yaml, and leave this one out with --table"})
		return true, nil
	}
	absent, err := describeColumns(ctx, conn, oid, entry, table)
	if err != nil {
		return true, err
	}
	for _, column := range absent {
		found.Absent = append(found.Absent, table.Name+"."+column.Name)
		require(table.Name, column, found)
	}
	if len(table.Columns) == 0 {
		return true, nil
	}
	table.Leaves, err = describeLeaves(ctx, conn, oid, kind == "p")
	found.Tables = append(found.Tables, *table)
	return true, err
}

// describeColumns fills in the key's type and those columns that exist, and
// returns those that do not.
func describeColumns(ctx context.Context, conn *pgconn.PgConn, oid string, entry ocmt.Table, table *migrate.Table) ([]ocmt.Column, error) {
	rows, err := rowsOf(ctx, conn, `select attname, atttypid::regtype,
		case when atttypid = 'varchar'::regtype and atttypmod > 4 then atttypmod - 4 else 0 end
		from pg_attribute where attrelid = $1::oid and attnum > 0 and not attisdropped`, oid)
	if err != nil {
		return nil, err
	}
	types, lengths := map[string]string{}, map[string]int{}
	for _, row := range rows {
		types[row[0]], lengths[row[0]] = row[1], int(number(row[2]))
	}
	if types[entry.Key] == "" {
		return nil, fmt.Errorf("it has no column %q to name its rows by", entry.Key)
	}
	table.KeyType, table.KeyIsUUID = types[entry.Key], types[entry.Key] == "uuid"
	var absent []ocmt.Column
	for _, column := range entry.Columns {
		switch types[column.Name] {
		case "":
			absent = append(absent, column)
		case "text", "character varying":
			table.Columns = append(table.Columns, migrate.Column{Name: column.Name,
				PlaintextAllowed: column.PlaintextAllowed, MaxLength: lengths[column.Name]})
		default:
			return nil, fmt.Errorf("column %q is %s, and only text and varchar can hold ciphertexts", column.Name, types[column.Name])
		}
	}
	return absent, nil
}

func describeLeaves(ctx context.Context, conn *pgconn.PgConn, oid string, partitioned bool) ([]migrate.Leaf, error) {
	of := "select $1::oid"
	if partitioned {
		of = "select relid from pg_partition_tree($1::oid::regclass) where isleaf"
	}
	rows, err := rowsOf(ctx, conn, `select n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid in (`+of+`) and c.relkind = 'r' order by 1, 2`, oid)
	if err != nil {
		return nil, err
	}
	leaves := make([]migrate.Leaf, len(rows))
	for i, row := range rows {
		leaves[i] = migrate.Leaf{Schema: row[0], Name: row[1], Pages: number(row[2])}
		if leaves[i].ByPages, err = readsByPages(ctx, conn, leaves[i]); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

// readsByPages asks the server's planner: PostgreSQL 14 and later have the TID
// range scan for heaps; other access methods and other servers may not.
func readsByPages(ctx context.Context, conn *pgconn.PgConn, leaf migrate.Leaf) (bool, error) {
	results, err := conn.Exec(ctx, "begin; set local enable_seqscan = off; explain select 1 from "+quoted(leaf.Schema, leaf.Name)+
		" where ctid >= '(0,0)' and ctid < '(1,0)'; rollback").ReadAll()
	if err != nil {
		return false, plain(err)
	}
	for _, result := range results {
		for _, row := range result.Rows {
			if strings.Contains(string(row[0]), "Tid Range Scan") {
				return true, nil
			}
		}
	}
	return false, nil
}
