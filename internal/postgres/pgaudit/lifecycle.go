package pgaudit

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
)

// Record reads the tool's own record.
type Record interface {
	Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error)
}

// Lifecycle is what a snapshot and the tool's own record know of rotations. It implements
// audit.LifecycleSource.
type Lifecycle struct {
	*Snapshot
	Record
	Horizon time.Duration // age of the oldest backup; 0 where nobody said
}

// BackupHorizon implements audit.LifecycleSource.
func (l *Lifecycle) BackupHorizon() time.Duration { return l.Horizon }

// Entries implements audit.LifecycleSource. A record that the account may not read is a gap.
func (l *Lifecycle) Entries(ctx context.Context, query chain.Query) ([]chain.Entry, bool, error) {
	entries, there, err := l.Record.Entries(ctx, query)
	var unreadable *pgchain.ReadError
	switch {
	case errors.As(err, &unreadable):
		err = &audit.GapError{Gap: audit.Gap{What: "the tool's own record", Reason: err.Error(), Missing: "SELECT on " + unreadable.Prospect.Place, Grant: postgres.Grant(unreadable.Prospect.Missing...), Rights: unreadable.Prospect.Missing}}
	case err != nil:
		err = &audit.GapError{Gap: audit.Gap{What: "the tool's own record", Reason: err.Error()}}
	}
	return entries, there, err
}

// Unfinished implements audit.LifecycleSource: of each column the newest entry of encryption_migrations,
// where it is not of a run that was completed.
func (l *Lifecycle) Unfinished(ctx context.Context) (list []audit.Unfinished, running bool, err error) {
	table, err := l.locate(ctx, "encryption_migrations")
	if err != nil {
		return nil, false, err
	}
	rows, err := l.ask(ctx, l.selecting(table.schema, table.name, `select table_name, column_name, from_version, to_version, (extract(epoch from started_at) * 1000000)::bigint, status
		from (select distinct on (table_name, column_name) table_name, column_name, from_version, to_version, started_at, status::text as status from `+table.path()+`
		where status::text in ('running', 'completed', 'partial', 'interrupted', 'failed', 'paused', 'resumed')
		order by table_name, column_name, started_at desc) last where status <> 'completed' order by 1, 2`))
	if err != nil {
		return nil, false, err
	}
	for _, row := range rows {
		list = append(list, audit.Unfinished{Column: row[0] + "." + row[1], From: int(postgres.ParseNumber(row[2])), To: int(postgres.ParseNumber(row[3])),
			Since: time.UnixMicro(postgres.ParseNumber(row[4])), Status: row[5]})
	}
	err = l.within(ctx, question{what: "the lock of runs"}, func(conn *pgconn.PgConn) error {
		running, err = postgres.IsRunAtWork(ctx, conn)
		return err
	})
	return list, running, err
}

// KeySince implements audit.LifecycleSource.
func (l *Lifecycle) KeySince(ctx context.Context, version int) (since time.Time, there bool, err error) {
	table, err := l.locate(ctx, "encryption_keys")
	var absent *audit.AbsentError
	if errors.As(err, &absent) {
		return since, false, nil
	}
	if err != nil {
		return since, false, err
	}
	rows, err := l.ask(ctx, l.selecting(table.schema, table.name, "select (extract(epoch from created_at) * 1000000)::bigint from "+table.path()+
		" where version = $1::int and created_at is not null", strconv.Itoa(version)))
	if err != nil || len(rows) == 0 {
		return since, false, err
	}
	return time.UnixMicro(postgres.ParseNumber(rows[0][0])), true, nil
}
