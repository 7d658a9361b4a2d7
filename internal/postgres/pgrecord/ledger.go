package pgrecord

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/pkg/secret"
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
	keysTable = `create table $encryption_keys (
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
	migrationsTable = `create table $encryption_migrations (
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
		return l.record.change(ctx, conn, func() (_ []chain.Event, err error) {
			l.ids, err = begin(ctx, conn, entry)
			return []chain.Event{beginEvent(entry)}, err
		})
	})
}

// begin records that a run begins, and returns the ids of its entries.
func begin(ctx context.Context, conn *pgconn.PgConn, entry migrate.LedgerEntry) (ids []string, err error) {
	if err := createTables(ctx, conn); err != nil {
		return nil, err
	}
	if err := mendMetadata(ctx, conn); err != nil {
		return nil, fmt.Errorf("preparing encryption_keys: %w", err)
	}
	for version, fingerprint := range entry.Fingerprints {
		if err := recordKey(ctx, conn, version, fingerprint); err != nil {
			return nil, fmt.Errorf("recording key version %d: %w", version, err)
		}
	}
	if err := activate(ctx, conn, entry.To); err != nil {
		return nil, fmt.Errorf("recording that key version %d is the active one: %w", entry.To, err)
	}
	if err := endProofs(ctx, conn, entry); err != nil {
		return nil, err
	}
	if err := clearOrders(ctx, conn, entry.To); err != nil {
		return nil, fmt.Errorf("taking away the orders of an earlier run: %w", err)
	}
	for _, column := range entry.Columns {
		rows, err := postgres.QueryRows(ctx, conn, `insert into $encryption_migrations
			(table_name, column_name, from_version, to_version, rows_total, rows_migrated, started_at, status)
			values ($1, $2, $3, $4, $5, 0, now(), 'running') returning id`, recordedTable(column.Place), column.Column,
			strconv.Itoa(column.From), strconv.Itoa(entry.To), strconv.FormatInt(column.Values, 10))
		if err != nil {
			return nil, fmt.Errorf("recording %s: %w", column.Place, err)
		}
		ids = append(ids, rows[0][0])
	}
	return ids, nil
}

// recordKey records a key by its fingerprint. An entry that another tool has made for the
// version stays as it is.
func recordKey(ctx context.Context, conn *pgconn.PgConn, version int, fingerprint string) error {
	_, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set key_id = $2
		where version = $1 and metadata->>'recorded_by' = 'ocmt'
		and not exists (select from $encryption_keys where key_id::text = $2 and version <> $1)`,
		strconv.Itoa(version), fingerprint)
	if err != nil {
		return err
	}
	return insertKey(ctx, conn, version, fingerprint)
}

// insertKey records a key by its fingerprint where the record has neither the version nor the key.
func insertKey(ctx context.Context, conn *pgconn.PgConn, version int, fingerprint string) error {
	_, err := postgres.QueryRows(ctx, conn, `insert into $encryption_keys (version, key_id, algorithm, status, metadata)
		values ($1, $2, 'aes-256-gcm', 'decrypt-only', '{"recorded_by": "ocmt"}') on conflict do nothing`,
		strconv.Itoa(version), fingerprint)
	return err
}

// stateBehind is the state, as an expression of SQL, of a key that new values are no longer written under: values may
// still be under it.
const stateBehind = "case when status::text = 'compromised' then status when metadata ? 'compromised' then 'compromised' else 'decrypt-only' end"

// activate makes one version the active one, but for one that another tool has recorded as compromised, which keeps its
// state. The one before it is only read with: values may still need it. What was proven of the version, and what the servers
// were seen to write, is of the time before: it is taken away, so that nothing is finished by it.
func activate(ctx context.Context, conn *pgconn.PgConn, version int) error {
	_, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set
		status = case when version <> $1 then `+stateBehind+` when status::text = 'compromised' and not coalesce(metadata ? 'compromised', false) then status else 'active' end,
		rotated_at = case when version = $1 then null else rotated_at end,
		metadata = case when version = $1 then metadata - 'finish' - 'readiness' else metadata end
		where version = $1 and coalesce(status::text, '') <> 'active' or version <> $1 and status::text = 'active'`, strconv.Itoa(version))
	return err
}

// endProofs takes back that nothing is under the versions that a run leaves: it has found values there.
func endProofs(ctx context.Context, conn *pgconn.PgConn, entry migrate.LedgerEntry) error {
	for version := range entry.Fingerprints {
		if version == entry.To {
			continue
		}
		if err := endProof(ctx, conn, version); err != nil {
			return err
		}
	}
	return nil
}

// endProof takes back that nothing is under a version, where that is recorded.
func endProof(ctx context.Context, conn *pgconn.PgConn, version int) error {
	_, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set rotated_at = null,
		status = `+stateBehind+`
		where version = $1 and rotated_at is not null and status::text in `+finishable, strconv.Itoa(version))
	if err != nil {
		return fmt.Errorf("recording that values may be under key version %d: %w", version, err)
	}
	return nil
}

// activateKnown makes a version the active one after a run that had nothing to move, where the record has
// the version at all.
func activateKnown(ctx context.Context, conn *pgconn.PgConn, version int) error {
	known, err := postgres.QueryRows(ctx, conn, "select exists (select from $encryption_keys where version = $1)", strconv.Itoa(version))
	if err != nil || known[0][0] != "t" {
		return err
	}
	return activate(ctx, conn, version)
}

// createTables creates those of the two tables that are not there.
func createTables(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := postgres.QueryRows(ctx, conn, "select to_regclass('$encryption_keys') is null, to_regclass('$encryption_migrations') is null")
	if err != nil {
		return err
	}
	for i, statement := range []string{keysTable, migrationsTable} {
		if rows[0][i] != "t" {
			continue
		}
		if _, err := postgres.QueryRows(ctx, conn, statement); err != nil {
			return fmt.Errorf("making the ledger's tables: %w", err)
		}
	}
	return nil
}

// End implements migrate.Ledger. All of it is one transaction, so that a later run sees by the
// entries whether the audit log has one too.
func (l *Ledger) End(ctx context.Context, outcome migrate.LedgerOutcome) (unaudited finding.Reason, err error) {
	err = l.record.db.With(ctx, func(conn *pgconn.PgConn) error {
		return l.record.change(ctx, conn, func() (events []chain.Event, err error) {
			if err := l.recordEnds(ctx, conn, outcome); err != nil {
				return nil, err
			}
			if events, err = l.settle(ctx, conn, l.entry, outcome); err != nil {
				return nil, err
			}
			events = append(events, endEvent(l.entry, outcome))
			if !outcome.Changed {
				return events, nil
			}
			if err := recordRepairs(ctx, conn, l.entry.To, outcome.Repairs); err != nil {
				return nil, err
			}
			entry := auditEntry{To: l.entry.To, Columns: len(l.entry.Columns), Status: outcome.Status, Repaired: countRepairs(outcome)}
			unaudited, err = l.audit(ctx, conn, entry)
			return events, err
		})
	})
	return unaudited, err
}

// recordEnds records how the run ended in each of its columns.
func (l *Ledger) recordEnds(ctx context.Context, conn *pgconn.PgConn, outcome migrate.LedgerOutcome) error {
	for i, id := range l.ids {
		place := l.entry.Columns[i].Place
		ended := outcome.Columns[place]
		_, err := postgres.QueryRows(ctx, conn, `update $encryption_migrations set completed_at = now(), status = $2, rows_migrated = $3,
			error_message = nullif($4, '') where id = $1`,
			id, string(ended.Status), strconv.FormatInt(ended.Moved, 10), secret.Redact(ended.Reason))
		if err != nil {
			return fmt.Errorf("recording the end of %s: %w", place, err)
		}
	}
	return nil
}

// Settle implements migrate.Ledger.
func (l *Ledger) Settle(ctx context.Context, entry migrate.LedgerEntry, outcome migrate.LedgerOutcome) error {
	return l.record.db.With(ctx, func(conn *pgconn.PgConn) error {
		there, err := postgres.QueryRows(ctx, conn, "select to_regclass('$encryption_keys') is not null and to_regclass('$encryption_migrations') is not null")
		if err != nil || there[0][0] != "t" {
			return err
		}
		return l.record.change(ctx, conn, func() ([]chain.Event, error) {
			if err := activateKnown(ctx, conn, entry.To); err != nil {
				return nil, fmt.Errorf("recording that key version %d is the active one: %w", entry.To, err)
			}
			return l.settle(ctx, conn, entry, outcome)
		})
	})
}

// settle brings the entries of earlier runs up to date. No other run is at work, so one that
// stands as running ended without a word. It returns what it did, for the chain.
func (l *Ledger) settle(ctx context.Context, conn *pgconn.PgConn, entry migrate.LedgerEntry, outcome migrate.LedgerOutcome) ([]chain.Event, error) {
	lost, err := postgres.QueryRows(ctx, conn, `update $encryption_migrations set status = 'interrupted', completed_at = now(),
		error_message = '`+endedWithoutAWord+`' where status::text = 'running' and id <> all ($1::uuid[]) returning to_version`,
		postgres.TextArray(l.ids))
	if err != nil {
		return nil, fmt.Errorf("recording that an earlier run has ended: %w", err)
	}
	if err := endLostRuns(ctx, conn, entry.To); err != nil {
		return nil, err
	}
	for _, place := range outcome.Clean {
		_, err := postgres.QueryRows(ctx, conn, `update $encryption_migrations set status = 'resumed',
			error_message = concat_ws('; ', error_message, 'a later run went on and left nothing')
			where table_name::text in ($1, $2) and column_name::text = $3 and to_version = $4
			and status::text in ('interrupted', 'failed', 'partial') and id <> all ($5::uuid[])`,
			recordedTable(place), place.Table, place.Column, strconv.Itoa(entry.To), postgres.TextArray(l.ids))
		if err != nil {
			return nil, fmt.Errorf("recording that %s was finished: %w", place, err)
		}
	}
	if err := acceptEmptied(ctx, conn, entry); err != nil {
		return nil, err
	}
	events := emptyEvents(entry)
	if len(lost) > 0 {
		to := int(postgres.ParseNumber(lost[0][0]))
		_, err := l.audit(ctx, conn, auditEntry{To: to, Columns: len(lost), Status: migrate.RunInterrupted, Late: true})
		if err != nil {
			return nil, err
		}
		events = append(events, chain.Event{Action: chain.ActionRunInterrupted, Subject: chain.VersionSubject(to), Details: map[string]any{"columns": len(lost)}})
	}
	return events, l.makeUpAudit(ctx, conn)
}

// acceptEmptied notes that columns which held values rightly hold none.
func acceptEmptied(ctx context.Context, conn *pgconn.PgConn, entry migrate.LedgerEntry) error {
	for _, place := range entry.Emptied {
		_, err := postgres.QueryRows(ctx, conn, `insert into $encryption_migrations
			(table_name, column_name, from_version, to_version, rows_total, rows_migrated, started_at, completed_at, status, error_message)
			values ($1, $2, $3, $3, 0, 0, now(), now(), 'accepted', 'it holds no value, and the operator says that this is right')`,
			recordedTable(place), place.Column, strconv.Itoa(entry.To))
		if err != nil {
			return fmt.Errorf("recording that %s is empty: %w", place, err)
		}
	}
	return nil
}
