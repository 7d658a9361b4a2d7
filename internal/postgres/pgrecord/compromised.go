package pgrecord

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// RecordCompromised records that somebody else may have the key of a version. The mark stays whatever becomes of the
// version: one that is active or retired keeps its state, and any other one is compromised. The error is
// rotation.ErrNotExpected where the version is pending by now, or compromised already.
func (r *Record) RecordCompromised(ctx context.Context, mark rotation.CompromisedMark) error {
	event := chain.Event{Action: chain.ActionKeyCompromised, Subject: chain.VersionSubject(mark.Version),
		Details: map[string]any{"fingerprint": mark.Fingerprint, "note": mark.Note}}
	return r.changeKeys(ctx, fmt.Sprintf("recording that key version %d is compromised", mark.Version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		if mark.State == "" {
			if err := recordUnknown(ctx, conn, mark); err != nil {
				return nil, err
			}
		}
		rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set
			status = case when status::text in ('active', 'retired') then status else 'compromised' end,
			metadata = coalesce(metadata, '{}') || jsonb_build_object('compromised', jsonb_build_object('at', now(), 'operator', $2::text, 'host', $3::text, 'note', $4::text))
			where version = $1 and coalesce(status::text, '') not in ('pending', 'compromised') and not coalesce(metadata ? 'compromised', false) returning version`,
			strconv.Itoa(mark.Version), mark.Operator, mark.Host, mark.Note)
		if err == nil && len(rows) == 0 {
			err = rotation.ErrNotExpected
		}
		return []chain.Event{event}, err
	})
}

// recordUnknown records a version that the record did not have a moment ago. It is the active one where new values are
// written under it, and where nobody has recorded another one meanwhile.
func recordUnknown(ctx context.Context, conn *pgconn.PgConn, mark rotation.CompromisedMark) error {
	if err := createTables(ctx, conn); err != nil {
		return err
	}
	if err := recordKey(ctx, conn, mark.Version, mark.Fingerprint); err != nil || !mark.Current {
		return err
	}
	active, err := postgres.QueryRows(ctx, conn, "select exists (select from $encryption_keys where status::text = 'active')")
	switch {
	case err != nil:
		return err
	case active[0][0] == "t":
		return rotation.ErrNotExpected
	}
	return activate(ctx, conn, mark.Version)
}

// parseCompromised returns the time that a mark has, the zero time for "".
func parseCompromised(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UTC(), err
}
