package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// Survey implements migrate.Store.
func (s *Store) Survey(ctx context.Context, tables []migrate.Table) (*migrate.Survey, error) {
	survey := &migrate.Survey{Tables: []migrate.TableOutline{}}
	err := s.with(ctx, func(conn *pgconn.PgConn) (err error) {
		for _, step := range []func(context.Context, *pgconn.PgConn, *migrate.Survey) error{identify, slots, audited} {
			if err := step(ctx, conn, survey); err != nil {
				return fmt.Errorf("asking the database what it is: %w", err)
			}
		}
		if survey.Recorded, err = recorded(ctx, conn); err != nil {
			return fmt.Errorf("asking the database what it is: %w", err)
		}
		for _, table := range tables {
			outline, err := outlineOf(ctx, conn, table)
			if err != nil {
				return fmt.Errorf("asking what %s is like: %w", table, err)
			}
			survey.Tables = append(survey.Tables, outline)
		}
		return nil
	})
	return survey, err
}

// Recorded implements migrate.Store.
func (s *Store) Recorded(ctx context.Context) (values map[string]int64, err error) {
	err = s.with(ctx, func(conn *pgconn.PgConn) (err error) {
		values, err = recorded(ctx, conn)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the record of runs: %w", err)
	}
	return values, nil
}

func identify(ctx context.Context, conn *pgconn.PgConn, survey *migrate.Survey) error {
	rows, err := rowsOf(ctx, conn, "select current_database(), has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")
	if err != nil {
		return err
	}
	survey.Database.Name = rows[0][0]
	if rows[0][1] != "t" {
		return nil
	}
	rows, err = rowsOf(ctx, conn, "select system_identifier from pg_catalog.pg_control_system()")
	if err == nil {
		survey.Database.System = rows[0][0]
	}
	return err
}

func slots(ctx context.Context, conn *pgconn.PgConn, survey *migrate.Survey) (err error) {
	survey.Slots, err = column(ctx, conn, `select slot_name from pg_replication_slots
		where slot_type = 'logical' and database = current_database() order by 1`)
	return err
}

// audited asks whether the account may add to the audit log. A run without that
// right goes on, and its operator must know that it leaves no entry.
func audited(ctx context.Context, conn *pgconn.PgConn, survey *migrate.Survey) error {
	there, may, err := auditRights(ctx, conn)
	switch {
	case err != nil:
		return err
	case !there:
		survey.Unaudited = "there is no audit_log here"
	case !may:
		rows, err := rowsOf(ctx, conn, "select current_user")
		if err != nil {
			return err
		}
		who := quoted(rows[0][0])
		survey.Unaudited = "the account may not add to audit_log: GRANT INSERT ON audit_log TO " + who +
			"; GRANT USAGE ON SEQUENCE audit_log_id_seq TO " + who
	}
	return nil
}

// recorded asks the record of runs for what was in the columns. A run that failed
// or never ended may have counted what it did not see.
func recorded(ctx context.Context, conn *pgconn.PgConn) (map[string]int64, error) {
	may, err := rowsOf(ctx, conn, "select coalesce(has_table_privilege(to_regclass('encryption_migrations'), 'SELECT'), false)")
	if err != nil || may[0][0] != "t" {
		return nil, err
	}
	rows, err := rowsOf(ctx, conn, `select table_name, column_name, max(rows_total) from encryption_migrations
		where status in ('completed', 'partial', 'interrupted') and rows_total > 0 group by 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("reading encryption_migrations: %w", err)
	}
	values := map[string]int64{}
	for _, row := range rows {
		values[row[0]+"."+row[1]] = number(row[2])
	}
	return values, nil
}

// heaps are the table and all of its partitions.
const heaps = "(select $1::regclass::oid union select relid::oid from pg_partition_tree($1::regclass))"

func outlineOf(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) (migrate.TableOutline, error) {
	path := quoted(table.Schema, table.Name)
	o := migrate.TableOutline{Schema: table.Schema, Table: table.Name, Key: table.Key, KeyType: table.KeyType, Columns: []migrate.ColumnOutline{}}
	rows, err := rowsOf(ctx, conn, `select coalesce(sum(greatest(reltuples, 0)), 0)::bigint, coalesce(sum(pg_relation_size(oid)), 0),
		(select relrowsecurity from pg_class where oid = $1::regclass)
		from pg_class where relkind = 'r' and oid in `+heaps, path)
	if err != nil {
		return o, err
	}
	o.RowsEstimate, o.HeapBytes, o.RowSecurity = number(rows[0][0]), number(rows[0][1]), rows[0][2] == "t"
	for _, encrypted := range table.Columns {
		of, err := outlineOfColumn(ctx, conn, path, encrypted.Name)
		if err != nil {
			return o, err
		}
		o.Columns = append(o.Columns, of)
	}
	if o.Triggers, err = triggers(ctx, conn, path, table); err != nil {
		return o, err
	}
	o.Publications, err = publications(ctx, conn, path)
	return o, err
}

// publications are those that carry an UPDATE of the table. Most servers have none
// at all, which is asked first: to plan the question in full takes them longer than
// any other.
func publications(ctx context.Context, conn *pgconn.PgConn, path string) ([]string, error) {
	list, err := column(ctx, conn, "select pubname from pg_publication where pubupdate")
	if err != nil || len(list) == 0 {
		return list, err
	}
	return column(ctx, conn, `select distinct p.pubname from pg_publication p join pg_publication_tables t on t.pubname = p.pubname
		join pg_namespace n on n.nspname = t.schemaname join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
		where p.pubupdate and c.oid in `+heaps+` order by 1`, path)
}

// outlineOfColumn names every index that depends on the column, also by an
// expression or by its condition.
func outlineOfColumn(ctx context.Context, conn *pgconn.PgConn, path, name string) (migrate.ColumnOutline, error) {
	o := migrate.ColumnOutline{Column: name}
	types, err := column(ctx, conn, "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = $1::regclass and attname = $2", path, name)
	if err != nil {
		return o, err
	}
	if len(types) == 1 {
		o.Type = types[0]
	}
	o.Indexes, err = column(ctx, conn, `select distinct i.relname from pg_depend d join pg_class i on i.oid = d.objid and i.relkind in ('i', 'I')
		join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
		where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and a.attname = $2 and d.refobjid in `+heaps+` order by 1`, path, name)
	return o, err
}

// triggers are those that an UPDATE of these columns by an ordinary session fires.
func triggers(ctx context.Context, conn *pgconn.PgConn, path string, table migrate.Table) ([]string, error) {
	all := []string{}
	for _, encrypted := range table.Columns {
		some, err := column(ctx, conn, `select distinct t.tgname from pg_trigger t where t.tgrelid in `+heaps+` and not t.tgisinternal
			and t.tgenabled in ('O', 'A') and t.tgtype & 16 <> 0 and (t.tgattr::text = '' or exists (select from pg_attribute a
			where a.attrelid = t.tgrelid and a.attname = $2 and a.attnum = any(t.tgattr::int2[]))) order by 1`, path, encrypted.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// column returns the one column of a query, never nil.
func column(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([]string, error) {
	rows, err := rowsOf(ctx, conn, sql, args...)
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row[0]
	}
	return list, err
}
