package pgrecord

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// Readiness implements rotation.ReadinessRecord. It is the member readiness of the metadata of the version.
func (r *Record) Readiness(ctx context.Context, version int) (state rotation.ReadinessState, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, `select coalesce(metadata->>'readiness', '{}'),
			coalesce((extract(epoch from created_at) * 1000000)::bigint, 0) from $encryption_keys where version = $1`, strconv.Itoa(version))
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := json.Unmarshal([]byte(rows[0][0]), &state); err != nil {
			return err
		}
		state.Moved, err = hasMoved(ctx, conn, version, rows[0][1])
		return err
	})
	if err != nil {
		return state, fmt.Errorf("reading what the servers were seen to write: %w", err)
	}
	return state, nil
}

// hasMoved reports whether a run has brought values to a version since a time, in microseconds since 1970.
func hasMoved(ctx context.Context, conn *pgconn.PgConn, version int, since string) (bool, error) {
	may, err := mayRead(ctx, conn, "encryption_migrations")
	if err != nil || !may {
		return false, err
	}
	rows, err := postgres.QueryRows(ctx, conn, `select exists (select from $encryption_migrations where to_version = $1
		and (extract(epoch from started_at) * 1000000)::bigint >= $2::bigint and status::text <> '`+statusLost+`')`, strconv.Itoa(version), since)
	if err != nil {
		return false, err
	}
	return rows[0][0] == "t", nil
}

// RecordReadiness implements rotation.ReadinessRecord.
func (r *Record) RecordReadiness(ctx context.Context, version int, state rotation.ReadinessState, ready bool) error {
	text, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("writing what the servers were seen to write: %w", err)
	}
	return r.changeKeys(ctx, "recording what the servers were seen to write", func(conn *pgconn.PgConn) (events []chain.Event, err error) {
		rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(coalesce(metadata, '{}'), '{readiness}', $2::jsonb)
			where version = $1 and status::text = 'active' returning version`, strconv.Itoa(version), string(text))
		if err == nil && len(rows) == 0 {
			err = rotation.ErrNotExpected
		}
		if ready {
			events = append(events, chain.Event{Action: chain.ActionKeyReady, Subject: chain.VersionSubject(version), Details: map[string]any{
				"tables": texts(state.Shown), "no_writes": texts(state.NoWrites)}})
		}
		return events, err
	})
}

// texts returns a list as the details of an entry take it.
func texts(list []string) []any {
	all := make([]any, len(list))
	for i, text := range list {
		all[i] = text
	}
	return all
}
