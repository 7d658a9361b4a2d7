package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// Ledger keeps OCMT's own two tables of key versions and migrations, and adds an
// entry to its audit log for each run that changed something. It makes the two tables where the
// migration that brings them was never applied.
type Ledger struct {
	store *Store
	entry migrate.LedgerEntry
	ids   []string // of the rows of encryption_migrations, one a column
}

// Ledger returns the ledger for one run.
func (s *Store) Ledger() *Ledger { return &Ledger{store: s} }

// RecordedKeys implements migrate.Store: the keys that are recorded by what this
// tool calls them, which is 16 hexadecimal characters.
func (s *Store) RecordedKeys(ctx context.Context) (map[int]string, error) {
	recorded := map[int]string{}
	err := s.with(ctx, func(conn *pgconn.PgConn) error {
		there, err := rowsOf(ctx, conn, "select coalesce(has_table_privilege(to_regclass('encryption_keys'), 'SELECT'), false)")
		if err != nil || there[0][0] != "t" {
			return err
		}
		rows, err := rowsOf(ctx, conn, "select version, key_id from encryption_keys where key_id ~ '^[0-9a-f]{16}$'")
		if err != nil {
			return err
		}
		for _, row := range rows {
			recorded[int(number(row[0]))] = row[1]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading encryption_keys: %w", err)
	}
	return recorded, nil
}

// Retire records that nothing in the database is under these versions any more.
func (s *Store) Retire(ctx context.Context, versions []int) error {
	return s.with(ctx, func(conn *pgconn.PgConn) error {
		for _, version := range versions {
			_, err := rowsOf(ctx, conn, "update encryption_keys set status = 'rotated', rotated_at = now() where version = $1 and status = 'active'",
				strconv.Itoa(version))
			if err != nil {
				return fmt.Errorf("recording key version %d: %w", version, err)
			}
		}
		return nil
	})
}

// The tables as OCMT's security migration makes them.
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
	return l.store.with(ctx, func(conn *pgconn.PgConn) error {
		if err := makeLedger(ctx, conn); err != nil {
			return err
		}
		for version, fingerprint := range entry.Fingerprints {
			if err := recordKey(ctx, conn, version, fingerprint, version == entry.To); err != nil {
				return fmt.Errorf("recording key version %d: %w", version, err)
			}
		}
		if err := clearControl(ctx, conn, entry.To); err != nil {
			return fmt.Errorf("taking away the orders of an earlier run: %w", err)
		}
		for _, column := range entry.Columns {
			rows, err := rowsOf(ctx, conn, `insert into encryption_migrations
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

// recordKey records a key by its fingerprint. What another tool has recorded of
// a version stays as it is.
func recordKey(ctx context.Context, conn *pgconn.PgConn, version int, fingerprint string, active bool) error {
	_, err := rowsOf(ctx, conn, `update encryption_keys set key_id = $2, status = case when $3 then 'active' else status end
		where version = $1 and metadata->>'recorded_by' = 'ocmt'
		and not exists (select from encryption_keys where key_id = $2 and version <> $1)`,
		strconv.Itoa(version), fingerprint, strconv.FormatBool(active))
	if err != nil {
		return err
	}
	_, err = rowsOf(ctx, conn, `insert into encryption_keys (version, key_id, algorithm, status, metadata)
		values ($1, $2, 'aes-256-gcm', 'active', '{"recorded_by": "ocmt"}') on conflict do nothing`,
		strconv.Itoa(version), fingerprint)
	return err
}

func makeLedger(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := rowsOf(ctx, conn, "select to_regclass('encryption_keys') is null, to_regclass('encryption_migrations') is null")
	if err != nil {
		return err
	}
	for i, statement := range []string{keysTable, migrationsTable} {
		if rows[0][i] != "t" {
			continue
		}
		if _, err := conn.Exec(ctx, statement).ReadAll(); err != nil {
			return fmt.Errorf("making the ledger's tables: %w", plain(err))
		}
	}
	return nil
}

// End implements migrate.Ledger.
func (l *Ledger) End(ctx context.Context, outcome migrate.LedgerOutcome) error {
	return l.store.with(ctx, func(conn *pgconn.PgConn) error {
		for i, id := range l.ids {
			column := l.entry.Columns[i]
			_, err := rowsOf(ctx, conn, "update encryption_migrations set completed_at = now(), status = $2, rows_migrated = $3 where id = $1",
				id, outcome.Status, strconv.FormatInt(outcome.Moved[column.Table+"."+column.Column], 10))
			if err != nil {
				return fmt.Errorf("recording the end of %s.%s: %w", column.Table, column.Column, err)
			}
		}
		if !outcome.Changed {
			return nil
		}
		return l.audit(ctx, conn, outcome)
	})
}

// auditRights reports whether there is an audit log, and whether the account may
// add to it. The number of an entry comes from a sequence with rights of its own.
func auditRights(ctx context.Context, conn *pgconn.PgConn) (there, may bool, err error) {
	rows, err := rowsOf(ctx, conn, `select to_regclass('audit_log') is not null,
		coalesce(has_table_privilege(to_regclass('audit_log'), 'INSERT'), false) and not exists (
			select from pg_attribute a, pg_get_serial_sequence(to_regclass('audit_log')::text, a.attname) as s
			where a.attrelid = to_regclass('audit_log') and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
			and s is not null and not has_sequence_privilege(s, 'USAGE'))`)
	if err != nil {
		return false, false, fmt.Errorf("asking for the rights on audit_log: %w", err)
	}
	return rows[0][0] == "t", rows[0][1] == "t", nil
}

// audit adds an entry to OCMT's audit log, where there is one that the account
// may write. The operator stands in the details: the log's own column takes only
// the ids of OCMT's users.
func (l *Ledger) audit(ctx context.Context, conn *pgconn.PgConn, outcome migrate.LedgerOutcome) error {
	if _, may, err := auditRights(ctx, conn); err != nil || !may {
		return err
	}
	details, err := json.Marshal(map[string]any{
		"tool": "ocmt", "operator": l.store.options.Operator, "to_version": l.entry.To,
		"columns": len(l.entry.Columns), "status": outcome.Status,
	})
	if err != nil {
		return fmt.Errorf("writing the details of the audit entry: %w", err)
	}
	if _, err = rowsOf(ctx, conn, `insert into audit_log ("timestamp", action, details) values (now(), 'encryption.migrated', $1::jsonb)`, string(details)); err != nil {
		return fmt.Errorf("adding to the audit log: %w", err)
	}
	return nil
}
