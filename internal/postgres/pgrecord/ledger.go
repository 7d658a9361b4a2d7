package pgrecord

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Ledger records one run in OCMT's two tables of key versions and migrations, and adds an
// entry to its audit log if the run changed something. It creates the two tables where
// the migration that brings them was never applied. It implements migrate.Ledger.
type Ledger struct {
	record *Record
	entry  migrate.LedgerEntry
	ids    []string // ids of the rows of encryption_migrations, one for each column
}

// Ledger returns the ledger for one run.
func (r *Record) Ledger() *Ledger { return &Ledger{record: r} }

// The tables as OCMT's security migration creates them.
const (
	keysTable = `create table encryption_keys (
	id uuid primary key default gen_random_uuid(),
	version integer not null unique,
	key_id varchar(64) not null unique,
	algorithm varchar(50) not null default 'aes-256-gcm',
	status varchar(20) not null default 'active',
	created_at timestamptz default now(),
	rotated_at timestamptz,
	expires_at timestamptz,
	metadata jsonb default '{}'
)`
	migrationsTable = `create table encryption_migrations (
	id uuid primary key default gen_random_uuid(),
	table_name varchar(100) not null,
	column_name varchar(100) not null,
	from_version integer not null,
	to_version integer not null,
	rows_total integer default 0,
	rows_migrated integer default 0,
	started_at timestamptz default now(),
	completed_at timestamptz,
	status varchar(20) default 'running',
	error_message text
)`
)

// Begin implements migrate.Ledger.
func (l *Ledger) Begin(ctx context.Context, entry migrate.LedgerEntry) error {
	l.entry = entry
	return l.record.db.With(ctx, func(conn *pgconn.PgConn) error {
		if err := createTables(ctx, conn); err != nil {
			return err
		}
		for version, fingerprint := range entry.Fingerprints {
			if err := recordKey(ctx, conn, version, fingerprint, version == entry.To); err != nil {
				return fmt.Errorf("recording key version %d: %w", version, err)
			}
		}
		if err := clearOrders(ctx, conn, entry.To); err != nil {
			return fmt.Errorf("taking away the orders of an earlier run: %w", err)
		}
		for _, column := range entry.Columns {
			rows, err := postgres.QueryRows(ctx, conn, `insert into encryption_migrations
				(table_name, column_name, from_version, to_version, rows_total, rows_migrated, started_at, status)
				values ($1, $2, $3, $4, $5, 0, now(), 'running') returning id`, column.Table, column.Column,
				strconv.Itoa(column.From), strconv.Itoa(entry.To), strconv.FormatInt(column.Values, 10))
			if err != nil {
				return fmt.Errorf("recording %s.%s: %w", column.Table, column.Column, err)
			}
			l.ids = append(l.ids, rows[0][0])
		}
		return nil
	})
}

// recordKey records a key by its fingerprint. An entry that another tool has made for the
// version stays as it is.
func recordKey(ctx context.Context, conn *pgconn.PgConn, version int, fingerprint string, active bool) error {
	_, err := postgres.QueryRows(ctx, conn, `update encryption_keys set key_id = $2, status = case when $3 then 'active' else status end
		where version = $1 and metadata->>'recorded_by' = 'ocmt'
		and not exists (select from encryption_keys where key_id = $2 and version <> $1)`,
		strconv.Itoa(version), fingerprint, strconv.FormatBool(active))
	if err != nil {
		return err
	}
	_, err = postgres.QueryRows(ctx, conn, `insert into encryption_keys (version, key_id, algorithm, status, metadata)
		values ($1, $2, 'aes-256-gcm', 'active', '{"recorded_by": "ocmt"}') on conflict do nothing`,
		strconv.Itoa(version), fingerprint)
	return err
}

// createTables creates those of the two tables that are not there.
func createTables(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := postgres.QueryRows(ctx, conn, "select to_regclass('encryption_keys') is null, to_regclass('encryption_migrations') is null")
	if err != nil {
		return err
	}
	for i, statement := range []string{keysTable, migrationsTable} {
		if rows[0][i] != "t" {
			continue
		}
		if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
			return fmt.Errorf("making the ledger's tables: %w", postgres.ExplainError(err))
		}
	}
	return nil
}

// End implements migrate.Ledger.
func (l *Ledger) End(ctx context.Context, outcome migrate.LedgerOutcome) error {
	return l.record.db.With(ctx, func(conn *pgconn.PgConn) error {
		for i, id := range l.ids {
			column := l.entry.Columns[i]
			_, err := postgres.QueryRows(ctx, conn, "update encryption_migrations set completed_at = now(), status = $2, rows_migrated = $3 where id = $1",
				id, string(outcome.Status), strconv.FormatInt(outcome.Moved[column.Table+"."+column.Column], 10))
			if err != nil {
				return fmt.Errorf("recording the end of %s.%s: %w", column.Table, column.Column, err)
			}
		}
		if !outcome.Changed {
			return nil
		}
		return l.appendToAuditLog(ctx, conn, outcome)
	})
}
