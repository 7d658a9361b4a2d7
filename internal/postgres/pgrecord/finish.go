package pgrecord

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// Evidence implements rotation.FinishRecord. It is the member finish of the metadata of the version.
func (r *Record) Evidence(ctx context.Context, version int) (evidence *rotation.Evidence, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select coalesce(metadata->>'finish', '') from $encryption_keys where version = $1", strconv.Itoa(version))
		if err != nil || len(rows) == 0 || rows[0][0] == "" {
			return err
		}
		evidence = &rotation.Evidence{}
		return json.Unmarshal([]byte(rows[0][0]), evidence)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the evidence of key version %d: %w", version, err)
	}
	return evidence, nil
}

// RecordFinishing implements rotation.FinishRecord.
func (r *Record) RecordFinishing(ctx context.Context, evidence *rotation.Evidence) error {
	_, err := r.keepEvidence(ctx, evidence, chain.ActionKeyFinishing, "status")
	return err
}

// RecordFinished implements rotation.FinishRecord. The key is to stay in its escrow until backups no longer need it:
// that is when the version expires.
func (r *Record) RecordFinished(ctx context.Context, evidence *rotation.Evidence) (time.Time, error) {
	return r.keepEvidence(ctx, evidence, chain.ActionKeyFinished, "'retired'")
}

// keepEvidence keeps the evidence of a version that is only read with, and sets its state to an expression of SQL. It
// returns the time of the database.
func (r *Record) keepEvidence(ctx context.Context, evidence *rotation.Evidence, action, state string) (at time.Time, err error) {
	event := chain.Event{Action: action, Subject: chain.VersionSubject(evidence.Version), Details: map[string]any{
		"fingerprint": evidence.Fingerprint, "new_version": evidence.NewVersion, "new_fingerprint": evidence.NewFingerprint,
		"store": evidence.Store, "backups_until": evidence.BackupsUntil, "escrow": escrowDetails(evidence.Escrow), "opened": evidence.Opened, "wal": evidence.WAL}}
	err = r.changeKeys(ctx, fmt.Sprintf("recording what was proven of key version %d", evidence.Version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		now, err := postgres.QueryRows(ctx, conn, "select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
		if err != nil {
			return nil, err
		}
		at = parseMicroseconds(now[0][0])
		kept := *evidence
		if action == chain.ActionKeyFinished {
			kept.FinishedAt = at
		}
		text, err := json.Marshal(kept)
		if err != nil {
			return nil, err
		}
		rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(coalesce(metadata, '{}'), '{finish}', $2::jsonb),
			status = `+state+`, expires_at = $3::date where version = $1 and status::text in `+finishable+` returning version`,
			strconv.Itoa(evidence.Version), string(text), evidence.BackupsUntil)
		if err == nil && len(rows) == 0 {
			err = rotation.ErrNotExpected
		}
		return []chain.Event{event}, err
	})
	return at, err
}

// RecordTakenOut implements rotation.FinishRecord.
func (r *Record) RecordTakenOut(ctx context.Context, evidence *rotation.Evidence, place string) error {
	event := chain.Event{Action: chain.ActionKeyFinished, Subject: chain.VersionSubject(evidence.Version), Details: map[string]any{
		"new_version": evidence.NewVersion, "new_fingerprint": evidence.NewFingerprint, "store": place, "backups_until": evidence.BackupsUntil,
		"escrow": escrowDetails(evidence.Escrow), "opened": evidence.Opened, "wal": evidence.WAL}}
	escrow, err := json.Marshal(evidence.Escrow)
	if err != nil {
		return fmt.Errorf("writing what is known of a copy of key version %d: %w", evidence.Version, err)
	}
	return r.changeKeys(ctx, fmt.Sprintf("recording that key version %d is gone from one more place", evidence.Version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		_, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(metadata, '{finish,escrow}', $2::jsonb)
			where version = $1 and metadata ? 'finish' returning version`, strconv.Itoa(evidence.Version), string(escrow))
		if err != nil {
			return nil, err
		}
		return []chain.Event{event}, keepBackups(ctx, conn, evidence)
	})
}

// RecordBackups implements rotation.FinishRecord.
func (r *Record) RecordBackups(ctx context.Context, evidence *rotation.Evidence) error {
	event := chain.Event{Action: chain.ActionKeyFinished, Subject: chain.VersionSubject(evidence.Version), Details: map[string]any{"backups_until": evidence.BackupsUntil}}
	return r.changeKeys(ctx, fmt.Sprintf("recording until when backups need key version %d", evidence.Version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		return []chain.Event{event}, keepBackups(ctx, conn, evidence)
	})
}

// keepBackups keeps the day until which backups need the key of a version that is retired.
func keepBackups(ctx context.Context, conn *pgconn.PgConn, evidence *rotation.Evidence) error {
	rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(metadata, '{finish,backups_until}', to_jsonb($2::text)),
		expires_at = $2::date where version = $1 and status::text = 'retired' and metadata ? 'finish' returning version`, strconv.Itoa(evidence.Version), evidence.BackupsUntil)
	if err == nil && len(rows) == 0 {
		err = rotation.ErrNotExpected
	}
	return err
}

// escrowDetails returns what is known of a copy of a key, as the details of an entry take it.
func escrowDetails(escrow rotation.KeyEscrow) map[string]any {
	return map[string]any{"state": string(escrow.State), "file": escrow.File, "host": escrow.Host}
}
