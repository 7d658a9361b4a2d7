package pgmigrate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Snapshot is a connection that reads the database as it was when it was opened. It
// implements migrate.Snapshot.
type Snapshot struct {
	*Conn
	origin migrate.Origin
	files  map[string]string // where the parts of the tables of a cluster were stored, by the OIDs of the tables
}

// OpenSnapshot implements migrate.Connector.
func (s *Store) OpenSnapshot(ctx context.Context) (migrate.Snapshot, error) {
	conn, moment, err := s.db.AcquireMoment(ctx)
	if err != nil {
		return nil, err
	}
	// This is the first read of the transaction, and so the time of its snapshot.
	origin, err := postgres.ReadOrigin(ctx, conn.PgConn())
	if err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("taking a snapshot to read: %w", err)
	}
	taken := &Snapshot{Conn: newConn(conn), origin: migrate.Origin{Database: migrate.Identity{Name: origin.Name, System: origin.System}, Standby: origin.Standby,
		Oldest: origin.Oldest, Running: origin.Running, Backend: origin.Backend}}
	if moment != nil {
		taken.origin.Apart, taken.origin.Running = moment.Apart, origin.Running || moment.Running
		taken.files = map[string]string{}
		for oid, size := range moment.Sizes {
			taken.files[oid] = size.Storage
		}
	}
	return taken, nil
}

// Origin implements migrate.Snapshot.
func (s *Snapshot) Origin() migrate.Origin { return s.origin }

// Heaps implements migrate.Snapshot.
func (s *Snapshot) Heaps(ctx context.Context, tables []migrate.Table) (columns map[string][]string, storage string, err error) {
	parts, err := queryParts(ctx, s.PgConn(), tables)
	if err != nil {
		return nil, "", err
	}
	columns = map[string][]string{}
	for _, part := range parts {
		for _, column := range part.table.Columns {
			columns[part.oid] = append(columns[part.oid], column.Name)
		}
	}
	return columns, describeParts(describeStorage(parts), parts, s.files), nil
}

// Storage implements migrate.StorageReader.
func (s *Store) Storage(ctx context.Context, tables []migrate.Table) (storage string, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		parts, err := queryParts(ctx, conn, tables)
		if err != nil {
			return err
		}
		files, err := s.filesNow(ctx, conn, parts)
		storage = describeParts(describeStorage(parts), parts, files)
		return err
	})
	return storage, err
}

// part is a table of a list, or a partition or heir of it.
type part struct {
	table *migrate.Table // of the list
	oid   string
	file  string // number of the file that has its rows
}

// queryParts asks for the parts of tables. The tables are looked up by their names in pg_class, which
// a snapshot shows as it was; to_regclass would show the present.
func queryParts(ctx context.Context, conn *pgconn.PgConn, tables []migrate.Table) ([]part, error) {
	schemas, names := make([]string, len(tables)), make([]string, len(tables))
	for i, table := range tables {
		schemas[i], names[i] = table.Schema, table.Name
	}
	rows, err := postgres.QueryRows(ctx, conn, `with recursive tree(place, relid) as (
			select wanted.place, c.oid from unnest($1::text[], $2::text[]) with ordinality wanted(schema, name, place)
			join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
			union select tree.place, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid)
		select tree.place, tree.relid, c.relfilenode from tree join pg_class c on c.oid = tree.relid`,
		postgres.TextArray(schemas), postgres.TextArray(names))
	if err != nil {
		return nil, fmt.Errorf("asking where the tables are stored: %w", err)
	}
	parts := make([]part, len(rows))
	for i, row := range rows {
		parts[i] = part{table: &tables[postgres.ParseNumber(row[0])-1], oid: row[1], file: row[2]}
	}
	return parts, nil
}

// describeStorage returns the files of parts of tables, in one order.
func describeStorage(parts []part) string {
	files := make([]string, len(parts))
	for i, part := range parts {
		files[i] = part.oid + ":" + part.file
	}
	slices.Sort(files)
	return strings.Join(slices.Compact(files), " ")
}

// IsWaitedFor implements migrate.LockWatcher.
func (s *Store) IsWaitedFor(ctx context.Context, backend int) (waited bool, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, `select exists (select from pg_locks held join pg_locks wanted
			on wanted.locktype = 'relation' and not wanted.granted and wanted.database = held.database and wanted.relation = held.relation
			where held.pid = $1::int and held.locktype = 'relation' and held.granted)`, strconv.Itoa(backend))
		if err != nil {
			return fmt.Errorf("asking who waits for the tables: %w", err)
		}
		waited = rows[0][0] == "t"
		return nil
	})
	return waited, err
}
