package pgrecord

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/pkg/secret"
)

// A value that is accepted as lost is an entry of encryption_migrations with the status
// lost. Its message is the JSON of acceptedText.
const statusLost = "lost"

// acceptedText is what the message of such an entry says.
type acceptedText struct {
	Key       string `json:"key"`
	KeyDigest string `json:"key_digest"`
	Digest    string `json:"digest"`
	Operator  string `json:"operator"`
	Reason    string `json:"reason"`
}

// AcceptedValues implements migrate.AcceptedRecord.
func (r *Record) AcceptedValues(ctx context.Context) (list []migrate.Accepted, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		may, err := mayRead(ctx, conn, "encryption_migrations")
		if err != nil || !may {
			return err
		}
		rows, err := postgres.QueryRows(ctx, conn, `select table_name, column_name, error_message, extract(epoch from started_at)::bigint
			from $encryption_migrations where status::text = '`+statusLost+`' order by started_at`)
		if err != nil {
			return err
		}
		for _, row := range rows {
			var text acceptedText
			if err := json.Unmarshal([]byte(row[2]), &text); err != nil {
				continue // a value is accepted by a whole entry only
			}
			list = append(list, migrate.Accepted{Place: recordedPlace(row[0], row[1]), Key: text.Key, KeyDigest: text.KeyDigest, Digest: text.Digest,
				Operator: text.Operator, Reason: text.Reason, At: time.Unix(postgres.ParseNumber(row[3]), 0).UTC()})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading which values are accepted as lost: %w", err)
	}
	return list, nil
}

// Accept implements migrate.AcceptedRecord. It also adds to OCMT's audit log.
func (r *Record) Accept(ctx context.Context, value migrate.Accepted) error {
	text, err := json.Marshal(acceptedText{value.Key, value.KeyDigest, value.Digest, value.Operator, value.Reason})
	if err != nil {
		return fmt.Errorf("writing what is accepted: %w", err)
	}
	event := chain.Event{Action: chain.ActionValueAccepted, Subject: value.String(), Details: map[string]any{"reason": secret.Redact(value.Reason)}}
	err = r.changeAccepted(ctx, "encryption.value_accepted", value.Place, event, func(conn *pgconn.PgConn) (int, error) {
		if err := createTables(ctx, conn); err != nil {
			return 0, err
		}
		if _, err := removeAccepted(ctx, conn, value.Place, value.KeyDigest); err != nil {
			return 0, err
		}
		_, err := postgres.QueryRows(ctx, conn, `insert into $encryption_migrations
			(table_name, column_name, from_version, to_version, rows_total, rows_migrated, started_at, completed_at, status, error_message)
			values ($1, $2, 0, 0, 0, 0, $3::timestamptz, $3::timestamptz, '`+statusLost+`', $4)`,
			recordedTable(value.Place), value.Column, value.At.UTC().Format(time.RFC3339), string(text))
		return 1, err
	})
	if err != nil {
		return fmt.Errorf("recording that a value of %s is accepted as lost: %w", value.Place, err)
	}
	return nil
}

// Withdraw implements migrate.AcceptedRecord.
func (r *Record) Withdraw(ctx context.Context, place migrate.Place, keyDigest string) (there bool, err error) {
	event := chain.Event{Action: chain.ActionValueWithdrawn, Subject: place.String()}
	err = r.changeAccepted(ctx, "encryption.value_withdrawn", place, event, func(conn *pgconn.PgConn) (int, error) {
		removed, err := removeAccepted(ctx, conn, place, keyDigest)
		there = removed > 0
		return removed, err
	})
	if err != nil {
		return false, fmt.Errorf("taking back that a value of %s is accepted as lost: %w", place, err)
	}
	return there, nil
}

// changeAccepted changes the record in a transaction. Where anything changed, it makes an entry in
// the chain, and in the audit log where that takes one.
func (r *Record) changeAccepted(ctx context.Context, action string, place migrate.Place, event chain.Event, change func(*pgconn.PgConn) (int, error)) error {
	return r.db.With(ctx, func(conn *pgconn.PgConn) error {
		return r.change(ctx, conn, func() ([]chain.Event, error) {
			changed, err := change(conn)
			if err != nil || changed == 0 {
				return nil, err
			}
			details, err := json.Marshal(map[string]any{"tool": "ocmt", "operator": r.operator, "column": place.String(), "values": changed})
			if err != nil {
				return nil, err
			}
			_, err = noteInside(ctx, conn, action, details)
			return []chain.Event{event}, err
		})
	})
}

// removeAccepted removes the entries of a row, and returns how many there were.
func removeAccepted(ctx context.Context, conn *pgconn.PgConn, place migrate.Place, keyDigest string) (int, error) {
	rows, err := postgres.QueryRows(ctx, conn, `delete from $encryption_migrations where status::text = '`+statusLost+`' and table_name::text = $1 and column_name::text = $2
		and error_message::jsonb->>'key_digest' = $3 returning id`, recordedTable(place), place.Column, keyDigest)
	return len(rows), err
}

// recordRepairs adds an entry for each repair of labels in a column.
func recordRepairs(ctx context.Context, conn *pgconn.PgConn, to int, repairs []migrate.Repair) error {
	for _, repair := range repairs {
		count := strconv.FormatInt(repair.Values, 10)
		_, err := postgres.QueryRows(ctx, conn, `insert into $encryption_migrations
			(table_name, column_name, from_version, to_version, rows_total, rows_migrated, started_at, completed_at, status, error_message)
			values ($1, $2, $3, $4, $5, $5, now(), now(), 'repaired', $6)`,
			recordedTable(repair.Place), repair.Column, strconv.Itoa(repair.Opened), strconv.Itoa(to), count,
			fmt.Sprintf("labelled version %d, opened with the key of version %d", repair.Label, repair.Opened))
		if err != nil {
			return fmt.Errorf("recording a repair of labels in %s: %w", repair.Place, err)
		}
	}
	return nil
}
