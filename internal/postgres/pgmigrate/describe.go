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

// Describe implements migrate.Describer.
func (s *Store) Describe(ctx context.Context, catalogue []ocmt.Table) (*migrate.Description, error) {
	found := &describing{Description: &migrate.Description{}, described: map[string]bool{}}
	err := s.db.With(ctx, func(conn *pgconn.PgConn) error {
		if err := checkSchemas(ctx, conn, catalogue); err != nil {
			return fmt.Errorf("looking for the tables: %w", err)
		}
		keys, err := keysOfDeployment(ctx, conn, catalogue)
		if err != nil {
			return fmt.Errorf("looking for the tables of ocmt.yaml: %w", err)
		}
		if err := s.loadSpreads(ctx, conn, found); err != nil {
			return err
		}
		for _, entry := range catalogue {
			if err := s.describeEntry(ctx, conn, entry, keys, found); err != nil {
				return fmt.Errorf("describing table %s: %w", entry.Name, err)
			}
		}
		reportOverlooked(found)
		s.describeReached(found.Description)
		return reportViews(ctx, conn, found.Description)
	})
	return found.Description, err
}

// describing is a description that is being made.
type describing struct {
	*migrate.Description
	described map[string]bool // tables that were looked at, as schema.name
	spreads   map[string]postgres.Spread
}

// reportOverlooked adds a finding for each table that has a name of the catalogue and was
// not described: its values would stay under the old key unnoticed.
func reportOverlooked(found *describing) {
	for _, name := range found.SameName {
		if found.described[name] {
			continue
		}
		found.Findings = append(found.Findings, finding.Finding{Code: finding.OtherSchema, Severity: finding.Error, Where: name,
			Message: "it has the name and a column of a table that OCMT encrypts, and is not the one on the search path",
			Fix:     "add its columns with their schema to ocmt.yaml, so that they are moved too; or list one of them there under known; or drop or rename it"})
	}
}

// keysOfDeployment returns the key columns that the deployment itself names for tables, by
// their OID. They go before those of the catalogue.
func keysOfDeployment(ctx context.Context, conn *pgconn.PgConn, catalogue []ocmt.Table) (map[string]string, error) {
	keys := map[string]string{}
	for _, entry := range catalogue {
		if !slices.ContainsFunc(entry.Columns, func(c ocmt.Column) bool { return c.Required }) {
			continue
		}
		path, err := pathOf(ctx, conn, entry, entry.Name)
		if err != nil {
			return nil, err
		}
		rows, err := postgres.QueryRows(ctx, conn, "select to_regclass($1)::oid", path)
		if err != nil {
			return nil, err
		}
		keys[rows[0][0]] = entry.Key
	}
	return keys, nil
}

// pathOf returns the name of a table of an entry as SQL writes it. Without a schema it is where the search path of
// the account finds it.
func pathOf(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, name string) (string, error) {
	if entry.Schema != "" {
		return postgres.Quote(entry.Schema, name), nil
	}
	return postgres.NamePath(ctx, conn, name)
}

// describeEntry looks for a table under both of its names. A deployment can have both, or a
// view with one name over the table with the other.
func (s *Store) describeEntry(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, keys map[string]string, found *describing) error {
	seen := false
	var others []finding.Finding // relations that have the name and are no table
	for _, name := range []string{entry.Name, entry.OldName} {
		if name == "" {
			continue
		}
		there, other, err := s.describeTable(ctx, conn, entry, name, keys, found)
		if err != nil {
			return err
		}
		seen, others = seen || there, append(others, other...)
		same, err := findSameName(ctx, conn, entry, name)
		if err != nil {
			return err
		}
		found.SameName = append(found.SameName, same...)
	}
	if seen {
		return nil
	}
	found.Findings = append(found.Findings, others...)
	if len(others) == 0 {
		found.Absent = append(found.Absent, entry.Name)
		for _, column := range entry.Columns {
			reportRequired(entry.Name, column, found)
		}
	}
	return nil
}

// findSameName finds tables of any schema with the name and a column of an entry that is
// looked for on the search path.
func findSameName(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, name string) ([]string, error) {
	if entry.Schema != "" {
		return nil, nil
	}
	names := make([]string, len(entry.Columns))
	for i, column := range entry.Columns {
		names[i] = column.Name
	}
	rows, err := postgres.QueryRows(ctx, conn, `select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relname = $1 and c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$)'
		and exists (select from pg_attribute where attrelid = c.oid and attname = any($2::text[]) and not attisdropped) order by 1`,
		name, postgres.TextArray(names))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, row := range rows {
		list = append(list, row[0])
	}
	return list, nil
}

// reportRequired adds a finding for the absence of a column that the deployment itself
// names: a misspelt name must not read as nothing to do.
func reportRequired(table string, column ocmt.Column, found *describing) {
	if column.Required {
		found.Findings = append(found.Findings, finding.Finding{Code: finding.UnknownColumn, Severity: finding.Error, Where: table + "." + column.Name,
			Message: "ocmt.yaml names this column and the database does not have it",
			Fix:     "look for a slip in its name, its table or its schema, or take it out of ocmt.yaml"})
	}
}

// describeTable adds the table of a name to found, and reports whether there is one. It
// returns a finding where the name belongs to something that is no table.
func (s *Store) describeTable(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, name string, keys map[string]string, found *describing) (bool, []finding.Finding, error) {
	path, err := pathOf(ctx, conn, entry, name)
	if err != nil {
		return false, nil, err
	}
	rows, err := postgres.QueryRows(ctx, conn, `select c.oid, n.nspname, c.relname, c.relkind from pg_class c
		join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`, path)
	if err != nil || len(rows) == 0 {
		return false, nil, err
	}
	oid, kind := rows[0][0], rows[0][3]
	if key := keys[oid]; key != "" {
		entry.Key = key
	}
	table := migrate.Table{Schema: rows[0][1], Name: rows[0][2], Key: entry.Key}
	if kind != "r" && kind != "p" {
		return false, []finding.Finding{notATable(table, entry, kind)}, nil
	}
	found.described[table.String()] = true
	absent, unfit, err := describeColumns(ctx, conn, oid, entry, &table)
	if err != nil {
		return true, nil, err
	}
	found.Findings = append(found.Findings, unfit...)
	for _, column := range absent {
		found.Absent = append(found.Absent, table.Name+"."+column.Name)
		reportRequired(table.Name, column, found)
	}
	if len(table.Columns) == 0 {
		return true, nil, nil
	}
	if err := describeReading(ctx, conn, oid, kind == "p", found, &table); err != nil {
		return true, nil, err
	}
	more, err := describeWrites(ctx, conn, oid, &table)
	if err == nil {
		err = s.describeNodes(ctx, conn, oid, found, &table)
	}
	found.Findings = append(found.Findings, more...)
	addTable(found.Description, table)
	return true, nil, err
}

// describeReading fills in how the rows of a table are read: in which parts, by which operators, in which order.
func describeReading(ctx context.Context, conn *pgconn.PgConn, oid string, isPartitioned bool, found *describing, table *migrate.Table) (err error) {
	if table.Leaves, err = describeLeaves(ctx, conn, oid, isPartitioned, *table); err != nil {
		return err
	}
	if table.OutOfLine, err = readOutOfLine(ctx, conn, oid); err != nil {
		return err
	}
	if err = describeKeyOperators(ctx, conn, oid, table); err != nil {
		return err
	}
	if table.ByKey, err = readsInOrder(ctx, conn, *table); err != nil {
		return err
	}
	return describeSpread(ctx, conn, oid, found, table)
}

// addTable adds a table, or its columns where the table is there already: ocmt.yaml may name
// a table with its schema that the search path finds too.
func addTable(found *migrate.Description, table migrate.Table) {
	at := slices.IndexFunc(found.Tables, func(t migrate.Table) bool { return t.String() == table.String() })
	if at < 0 {
		found.Tables = append(found.Tables, table)
		return
	}
	for _, column := range table.Columns {
		if !slices.ContainsFunc(found.Tables[at].Columns, func(c migrate.Column) bool { return c.Name == column.Name }) {
			found.Tables[at].Columns = append(found.Tables[at].Columns, column)
		}
	}
}

// describeWrites looks for what would make an UPDATE fail to write one row: rules, triggers,
// and a key that does not identify a row.
func describeWrites(ctx context.Context, conn *pgconn.PgConn, oid string, table *migrate.Table) ([]finding.Finding, error) {
	rows, err := postgres.QueryRows(ctx, conn, `select (select min(rulename) from pg_rewrite where ev_class = $1::oid and ev_type = '2' and ev_enabled <> 'D'),
		(select coalesce(string_agg(oid::text, ' ' order by oid), '') from pg_trigger where tgrelid in (`+postgres.TreeOf("$1::oid")+`) and `+firesOnUpdate+`),
		exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
			where i.indrelid = $1::oid and a.attname = $2 and `+postgres.NamesRows+`)`, oid, table.Key)
	if err != nil {
		return nil, err
	}
	table.Triggers = strings.Fields(rows[0][1])
	var found []finding.Finding
	if rows[0][0] != "" {
		found = append(found, finding.Finding{Code: finding.Rule, Severity: finding.Error, Where: table.String(),
			Message: "a rule makes something else of updates of this table",
			Fix:     "disable it for the time of the run: ALTER TABLE " + discover.SQLName(table.Schema, table.Name) + " DISABLE RULE " + discover.SQLName(rows[0][0])})
	}
	subscribed, err := findSubscription(ctx, conn, oid, table)
	if err != nil {
		return nil, err
	}
	found = append(found, subscribed...)
	named := rows[0][2] == "t"
	if !named {
		if named, err = keyNamesRowsWithPart(ctx, conn, oid, table); err != nil {
			return nil, err
		}
	}
	if !named && len(table.Leaves) > 0 && table.Leaves[0].Name == table.Name {
		found = append(found, finding.Finding{Code: finding.NoKey, Severity: finding.Error, Where: table.String() + "." + table.Key,
			Message: "the column does not name one row each: it is not unique by an index of its own, or may be NULL"})
		if found[len(found)-1].Fix, err = adviseKey(ctx, conn, oid, *table); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// describeColumns fills in the type of the key and the columns that exist. It returns the
// columns that do not exist, and findings about a missing key and about columns of a type
// that cannot hold ciphertexts.
func describeColumns(ctx context.Context, conn *pgconn.PgConn, oid string, entry ocmt.Table, table *migrate.Table) (absent []ocmt.Column, unfit []finding.Finding, err error) {
	rows, err := postgres.QueryRows(ctx, conn, `select attname, case when t.typnamespace = 'pg_catalog'::regnamespace and t.typtype = 'b' then t.typname else format_type(atttypid, null) end,
		case when atttypid = 'varchar'::regtype and atttypmod > 4 then atttypmod - 4 else 0 end, format_type(atttypid, atttypmod), attgenerated <> ''
		from pg_attribute a join pg_type t on t.oid = a.atttypid where attrelid = $1::oid and attnum > 0 and not attisdropped`, oid)
	if err != nil {
		return nil, nil, err
	}
	types, lengths, whole, generated := map[string]string{}, map[string]int{}, map[string]string{}, map[string]bool{}
	for _, row := range rows {
		generated[row[0]] = row[4] == "t"
		types[row[0]], lengths[row[0]], whole[row[0]] = row[1], int(postgres.ParseNumber(row[2])), row[3]
	}
	if types[entry.Key] == "" {
		return nil, []finding.Finding{{Code: finding.UnknownColumn, Severity: finding.Error, Where: table.String() + "." + entry.Key,
			Message: "the table has no such column, and its rows are to be named by it",
			Fix:     "where ocmt.yaml lists this table under columns, set key to its primary key"}}, nil
	}
	table.KeyType, table.KeyIsUUID = whole[entry.Key], types[entry.Key] == "uuid"
	for _, column := range entry.Columns {
		if generated[column.Name] {
			unfit = append(unfit, finding.Finding{Code: finding.GeneratedColumn, Severity: finding.Error, Where: table.String() + "." + column.Name,
				Message: "the server makes its values from other columns of the row whenever the row is written, and takes no others",
				Fix:     "take it out of ocmt.yaml under columns; it follows the columns that it is made from, so list those if nothing does"})
			continue
		}
		switch types[column.Name] {
		case "":
			absent = append(absent, column)
		case "text", "varchar":
			table.Columns = append(table.Columns, migrate.Column{Name: column.Name,
				PlaintextAllowed: column.PlaintextAllowed, MaxLength: lengths[column.Name]})
		default:
			unfit = append(unfit, wrongType(*table, column, types[column.Name]))
		}
	}
	return absent, unfit, nil
}

// wrongType says that a column cannot hold ciphertexts, and what to do.
func wrongType(table migrate.Table, column ocmt.Column, kind string) finding.Finding {
	name := discover.SQLName(column.Name)
	using := map[string]string{"json": name + " #>> '{}'", "jsonb": name + " #>> '{}'", "bytea": "convert_from(" + name + ", 'UTF8')"}[kind]
	if using == "" {
		using = name + "::text"
	}
	found := finding.Finding{Code: finding.WrongType, Severity: finding.Error, Where: table.String() + "." + column.Name,
		Message: "it is of type " + kind + ", and only text and varchar hold ciphertexts",
		Fix: fmt.Sprintf("make it a text as OCMT has it with ALTER TABLE %s ALTER COLUMN %s TYPE text USING %s; if it needs no key of OCMT, list it in ocmt.yaml under known: %s",
			discover.SQLName(table.Schema, table.Name), name, using, discover.KnownEntry(table.Schema, table.Name, column.Name))}
	if column.Required {
		found.Fix += "; otherwise take it out of ocmt.yaml under columns"
	}
	return found
}

// describeLeaves lists the heaps of a table.
func describeLeaves(ctx context.Context, conn *pgconn.PgConn, oid string, partitioned bool, table migrate.Table) ([]migrate.Leaf, error) {
	of := "select $1::oid"
	if partitioned {
		of = "select relid from pg_partition_tree($1::oid::regclass) where isleaf"
	}
	rows, err := postgres.QueryRows(ctx, conn, `select n.nspname, c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint,
		coalesce(a.amname, 'heap') = 'heap' from pg_class c join pg_namespace n on n.oid = c.relnamespace
		left join pg_am a on a.oid = c.relam where c.oid in (`+of+`) and c.relkind = 'r' order by 1, 2`, oid)
	if err != nil {
		return nil, err
	}
	leaves := make([]migrate.Leaf, len(rows))
	for i, row := range rows {
		leaves[i] = migrate.Leaf{Schema: row[0], Name: row[1], Pages: postgres.ParseNumber(row[2])}
		if row[3] != "t" {
			continue // the meaning of a TID in another access method is not known
		}
		if leaves[i].ByPages, err = readsByPages(ctx, conn, leaves[i], table); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

// readOutOfLine returns how many bytes the server keeps apart from the rows of a table, and of its
// partitions and heirs.
func readOutOfLine(ctx context.Context, conn *pgconn.PgConn, oid string) (int64, error) {
	rows, err := postgres.QueryRows(ctx, conn, "select coalesce(sum(pg_relation_size(reltoastrelid)), 0) from pg_class where oid in ("+postgres.TreeOf("$1::oid")+")", oid)
	if err != nil {
		return 0, err
	}
	return postgres.ParseNumber(rows[0][0]), nil
}

// readsByPages asks the server's planner whether it reads page ranges: PostgreSQL 14 and later
// have the TID range scan for heaps; other servers may not.
//
// A partition is read and written by its own name, and needs rights of its own. Without them,
// its rows are read and written through the table.
func readsByPages(ctx context.Context, conn *pgconn.PgConn, leaf migrate.Leaf, table migrate.Table) (bool, error) {
	path := postgres.Quote(leaf.Schema, leaf.Name)
	names := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		names[i] = column.Name
	}
	allowed, err := postgres.QueryRows(ctx, conn, `select has_table_privilege($1, 'SELECT')
		and (select bool_and(has_column_privilege($1, c, 'UPDATE')) from unnest($2::text[]) c)`, path, postgres.TextArray(names))
	if err != nil || allowed[0][0] != "t" {
		return false, err
	}
	plan, err := explainPlan(ctx, conn, "set local enable_seqscan = off", "select 1 from only "+path+" where ctid >= '(0,0)' and ctid < '(1,0)'")
	return isPageScan(plan), err
}
