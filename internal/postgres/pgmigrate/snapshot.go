package pgmigrate

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Snapshot is a connection that reads the database as it was when it was opened. It
// implements migrate.Snapshot.
type Snapshot struct {
	*Conn
	origin migrate.Origin
}

// OpenSnapshot implements migrate.Connector.
func (s *Store) OpenSnapshot(ctx context.Context) (migrate.Snapshot, error) {
	conn, err := s.db.AcquireSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	// This is the first read of the transaction, and so the time of its snapshot.
	origin, err := postgres.ReadOrigin(ctx, conn.PgConn())
	if err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("taking a snapshot to read: %w", err)
	}
	return &Snapshot{newConn(conn), migrate.Origin{Database: migrate.Identity{Name: origin.Name, System: origin.System}, Standby: origin.Standby,
		Oldest: origin.Oldest, Running: origin.Running, Backend: origin.Backend}}, nil
}

// Origin implements migrate.Snapshot.
func (s *Snapshot) Origin() migrate.Origin { return s.origin }

// Storage implements migrate.Snapshot.
func (s *Snapshot) Storage(ctx context.Context, tables []migrate.Table) (string, error) {
	return readStorage(ctx, s.PgConn(), tables)
}

// Heaps implements migrate.Snapshot.
func (s *Snapshot) Heaps(ctx context.Context, tables []migrate.Table) (map[string][]string, error) {
	rows, err := queryTree(ctx, s.PgConn(), tables, "select place, relid from tree")
	if err != nil {
		return nil, fmt.Errorf("asking for the parts of the tables: %w", err)
	}
	read := map[string][]string{}
	for _, row := range rows {
		for _, column := range tables[postgres.ParseNumber(row[0])-1].Columns {
			read[row[1]] = append(read[row[1]], column.Name)
		}
	}
	return read, nil
}

// Storage implements migrate.StorageReader.
func (s *Store) Storage(ctx context.Context, tables []migrate.Table) (storage string, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		storage, err = readStorage(ctx, conn, tables)
		return err
	})
	return storage, err
}

// queryTree asks a question about the tables, and their partitions and heirs: tree has the place of
// the table in the list, from 1, and the OID of each part of it. The tables are looked up by their
// names in pg_class, which a snapshot shows as it was; to_regclass would show the present.
func queryTree(ctx context.Context, conn *pgconn.PgConn, tables []migrate.Table, question string) ([][]string, error) {
	schemas, names := make([]string, len(tables)), make([]string, len(tables))
	for i, table := range tables {
		schemas[i], names[i] = table.Schema, table.Name
	}
	return postgres.QueryRows(ctx, conn, `with recursive tree(place, relid) as (
			select wanted.place, c.oid from unnest($1::text[], $2::text[]) with ordinality wanted(schema, name, place)
			join pg_namespace n on n.nspname = wanted.schema join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
			union select tree.place, i.inhrelid from tree join pg_inherits i on i.inhparent = tree.relid) `+question,
		postgres.TextArray(schemas), postgres.TextArray(names))
}

// readStorage returns the files of the tables, and of their partitions and heirs.
func readStorage(ctx context.Context, conn *pgconn.PgConn, tables []migrate.Table) (string, error) {
	rows, err := queryTree(ctx, conn, tables, `select coalesce(string_agg(c.oid || ':' || c.relfilenode, ' ' order by c.oid), '')
		from pg_class c where c.oid in (select relid from tree)`)
	if err != nil {
		return "", fmt.Errorf("asking where the tables are stored: %w", err)
	}
	return rows[0][0], nil
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
