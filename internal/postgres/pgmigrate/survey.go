package pgmigrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Survey implements migrate.Surveyor.
func (s *Store) Survey(ctx context.Context, tables []migrate.Table) (*migrate.Survey, error) {
	survey := &migrate.Survey{Tables: []migrate.TableOutline{}}
	err := s.db.With(ctx, func(conn *pgconn.PgConn) error {
		for _, ask := range []func(context.Context, *pgconn.PgConn, *migrate.Survey) error{identify, listSlots} {
			if err := ask(ctx, conn, survey); err != nil {
				return fmt.Errorf("asking the database what it is: %w", err)
			}
		}
		for _, table := range tables {
			outline, err := outlineTable(ctx, conn, table)
			if err != nil {
				return fmt.Errorf("asking what %s is like: %w", table, err)
			}
			survey.Tables = append(survey.Tables, outline)
		}
		return nil
	})
	return survey, err
}

func identify(ctx context.Context, conn *pgconn.PgConn, survey *migrate.Survey) error {
	origin, err := postgres.ReadOrigin(ctx, conn)
	survey.Database, survey.Oldest = migrate.Identity{Name: origin.Name, System: origin.System}, origin.Oldest
	return err
}

// listSlots lists the logical replication slots of the database.
func listSlots(ctx context.Context, conn *pgconn.PgConn, survey *migrate.Survey) (err error) {
	survey.Slots, err = postgres.QueryColumn(ctx, conn, `select slot_name from pg_replication_slots
		where slot_type = 'logical' and database = current_database() order by 1`)
	return err
}

// heaps selects a table and all of its partitions and heirs.
var heaps = "(" + postgres.TreeOf("$1::regclass::oid") + ")"

// outlineTable describes a table and what an UPDATE of it would affect.
func outlineTable(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) (migrate.TableOutline, error) {
	path := postgres.Quote(table.Schema, table.Name)
	o := migrate.TableOutline{Schema: table.Schema, Table: table.Name, Key: table.Key, KeyType: table.KeyType, Columns: []migrate.ColumnOutline{}}
	rows, err := postgres.QueryRows(ctx, conn, `select coalesce(sum(greatest(reltuples, 0)), 0)::bigint, coalesce(sum(pg_relation_size(oid)), 0),
		(select relrowsecurity from pg_class where oid = $1::regclass)
		from pg_class where relkind = 'r' and oid in `+heaps, path)
	if err != nil {
		return o, err
	}
	o.RowsEstimate, o.HeapBytes, o.RowSecurity = postgres.ParseNumber(rows[0][0]), postgres.ParseNumber(rows[0][1]), rows[0][2] == "t"
	for _, encrypted := range table.Columns {
		of, err := outlineColumn(ctx, conn, path, encrypted.Name)
		if err != nil {
			return o, err
		}
		o.Columns = append(o.Columns, of)
	}
	if o.Triggers, err = listTriggers(ctx, conn, path, table); err != nil {
		return o, err
	}
	o.Publications, err = listPublications(ctx, conn, path)
	return o, err
}

// listPublications lists the publications that carry an UPDATE of the table. Most servers
// have none at all, which is asked first, because planning the full question takes longer
// than any other.
func listPublications(ctx context.Context, conn *pgconn.PgConn, path string) ([]string, error) {
	list, err := postgres.QueryColumn(ctx, conn, "select pubname from pg_publication where pubupdate")
	if err != nil || len(list) == 0 {
		return list, err
	}
	return postgres.QueryColumn(ctx, conn, `select distinct p.pubname from pg_publication p join pg_publication_tables t on t.pubname = p.pubname
		join pg_namespace n on n.nspname = t.schemaname join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
		where p.pubupdate and c.oid in `+heaps+` order by 1`, path)
}

// outlineColumn names every index that depends on the column, also by an
// expression or by its condition.
func outlineColumn(ctx context.Context, conn *pgconn.PgConn, path, name string) (migrate.ColumnOutline, error) {
	o := migrate.ColumnOutline{Column: name}
	types, err := postgres.QueryColumn(ctx, conn, "select format_type(atttypid, atttypmod) from pg_attribute where attrelid = $1::regclass and attname = $2", path, name)
	if err != nil {
		return o, err
	}
	if len(types) == 1 {
		o.Type = types[0]
	}
	o.Indexes, err = postgres.QueryColumn(ctx, conn, `select distinct i.relname from pg_depend d join pg_class i on i.oid = d.objid and i.relkind in ('i', 'I')
		join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
		where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and a.attname = $2 and d.refobjid in `+heaps+` order by 1`, path, name)
	return o, err
}

// listTriggers lists the triggers that an UPDATE of these columns fires where
// session_replication_role is origin, its default.
func listTriggers(ctx context.Context, conn *pgconn.PgConn, path string, table migrate.Table) ([]string, error) {
	all := []string{}
	for _, encrypted := range table.Columns {
		some, err := postgres.QueryColumn(ctx, conn, `select distinct t.tgname from pg_trigger t where t.tgrelid in `+heaps+` and not t.tgisinternal
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
