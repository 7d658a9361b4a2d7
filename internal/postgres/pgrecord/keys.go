package pgrecord

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/rotation"
)

// Words for states that earlier versions of this tool have written. A key that was rotated is one that
// nothing in the database is under: rotated_at says since when.
const (
	oldRetiring = "retiring"
	oldRotated  = "rotated"
)

// finishable are the words for the states of a key that values may be under and new ones are not, as SQL writes a list.
// One that somebody else may have is among them: it has to go too.
const finishable = "('" + string(rotation.DecryptOnly) + "', '" + oldRetiring + "', '" + oldRotated + "', '" + string(rotation.Compromised) + "')"

// fingerprintForm is the form in which this tool records a key.
var fingerprintForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// KeyStates implements rotation.KeyRecord.
func (r *Record) KeyStates(ctx context.Context) (keys []rotation.RecordedKey, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		unread, err := findUnread(ctx, conn, "encryption_keys")
		if err != nil {
			return err
		}
		if len(unread) > 0 {
			return &rotation.UnreadableError{Reason: finding.Reason{Text: unread[0].Message, Missing: unread[0].Rights}}
		}
		there, err := hasKeys(ctx, conn)
		if err != nil || !there {
			return err
		}
		keys, err = queryKeys(ctx, conn)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading encryption_keys: %w", err)
	}
	return keys, nil
}

// hasKeys reports whether there is a record of key versions.
func hasKeys(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	there, err := postgres.QueryRows(ctx, conn, "select to_regclass('$encryption_keys') is not null")
	if err != nil {
		return false, err
	}
	return there[0][0] == "t", nil
}

func queryKeys(ctx context.Context, conn *pgconn.PgConn) ([]rotation.RecordedKey, error) {
	rows, err := postgres.QueryRows(ctx, conn, `select version, key_id, coalesce(status::text, ''),
		coalesce((extract(epoch from created_at) * 1000000)::bigint::text, ''), coalesce((extract(epoch from rotated_at) * 1000000)::bigint::text, ''),
		coalesce(metadata->>'begun', ''), coalesce(metadata->'finish'->>'backups_until', ''),
		coalesce(metadata->'finish'->>'escrow', ''), coalesce(metadata->'compromised'->>'at', '') from $encryption_keys order by version`)
	if err != nil {
		return nil, err
	}
	keys := make([]rotation.RecordedKey, 0, len(rows))
	for _, row := range rows {
		key := rotation.RecordedKey{Version: int(postgres.ParseNumber(row[0])), State: stateOf(row[2]), Created: parseMicroseconds(row[3]), Proven: parseMicroseconds(row[4])}
		if key.State == rotation.Retired {
			key.BackupsUntil = row[6]
		}
		if key.BackupsUntil != "" {
			key.Escrow = &rotation.KeyEscrow{}
		}
		if key.Escrow != nil && row[7] != "" {
			if err := json.Unmarshal([]byte(row[7]), key.Escrow); err != nil {
				return nil, fmt.Errorf("reading what is known of a copy of key version %d: %w", key.Version, err)
			}
		}
		if fingerprintForm.MatchString(row[1]) {
			key.Fingerprint = row[1]
		}
		if key.Compromised, err = parseCompromised(row[8]); err != nil {
			return nil, fmt.Errorf("reading since when key version %d is compromised: %w", key.Version, err)
		}
		if row[5] != "" {
			key.Begun = &rotation.Begun{}
			if err := json.Unmarshal([]byte(row[5]), key.Begun); err != nil {
				return nil, fmt.Errorf("reading how version %d was begun: %w", key.Version, err)
			}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// stateOf returns the state that a word of the record stands for.
func stateOf(word string) rotation.KeyState {
	if word == oldRetiring || word == oldRotated {
		return rotation.DecryptOnly
	}
	return rotation.KeyState(word)
}

// parseMicroseconds returns the time of so many microseconds since 1970, the zero time for "".
func parseMicroseconds(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	return time.UnixMicro(postgres.ParseNumber(text)).UTC()
}

// RecordPending implements rotation.KeyRecord.
func (r *Record) RecordPending(ctx context.Context, made, before rotation.RecordedKey) error {
	begun, err := json.Marshal(made.Begun)
	if err != nil {
		return fmt.Errorf("writing how version %d was begun: %w", made.Version, err)
	}
	event := chain.Event{Action: chain.ActionKeyBegun, Subject: chain.VersionSubject(made.Version), Details: map[string]any{
		"fingerprint": made.Fingerprint, "from_version": before.Version, "from_fingerprint": before.Fingerprint,
		"store": made.Begun.Store, "escrow": made.Begun.Escrow != "", "values": countLabels(made.Begun.Baseline)}}
	return r.changeKeys(ctx, fmt.Sprintf("recording that key version %d was made", made.Version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		if err := createTables(ctx, conn); err != nil {
			return nil, err
		}
		if err := recordKey(ctx, conn, before.Version, before.Fingerprint); err != nil {
			return nil, err
		}
		if err := activate(ctx, conn, before.Version); err != nil {
			return nil, err
		}
		rows, err := postgres.QueryRows(ctx, conn, `insert into $encryption_keys (version, key_id, algorithm, status, metadata)
			select $1::integer, $2, 'aes-256-gcm', 'pending', jsonb_build_object('recorded_by', 'ocmt', 'begun', $3::jsonb)
			where not exists (select from $encryption_keys where status::text = 'pending') on conflict do nothing returning version`,
			strconv.Itoa(made.Version), made.Fingerprint, string(begun))
		if err == nil && len(rows) == 0 {
			err = rotation.ErrNotExpected
		}
		return []chain.Event{event}, err
	})
}

// countLabels returns how many values of a look are labelled with any version.
func countLabels(look rotation.Look) (values int64) {
	for _, count := range look.Labels() {
		values += count
	}
	return values
}

// RecordInPlace implements rotation.KeyRecord.
func (r *Record) RecordInPlace(ctx context.Context, version int, place string) error {
	event := chain.Event{Action: chain.ActionKeyInPlace, Subject: chain.VersionSubject(version), Details: map[string]any{"store": place}}
	return r.changeKeys(ctx, fmt.Sprintf("recording that key version %d is in place", version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = metadata || jsonb_build_object('in_place', coalesce(metadata->'in_place', to_jsonb(now())))
			where version = $1 and status::text in ('pending', 'active') returning version`, strconv.Itoa(version))
		if err == nil && len(rows) == 0 {
			err = rotation.ErrNotExpected
		}
		if err != nil {
			return nil, err
		}
		return []chain.Event{event}, activate(ctx, conn, version)
	})
}

// RecordAbandoned implements rotation.KeyRecord. The entry stays, so that the number is given to no
// other key.
func (r *Record) RecordAbandoned(ctx context.Context, version int) error {
	event := chain.Event{Action: chain.ActionKeyAbandoned, Subject: chain.VersionSubject(version)}
	return r.changeKeys(ctx, fmt.Sprintf("recording that key version %d is given up", version), func(conn *pgconn.PgConn) ([]chain.Event, error) {
		rows, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set status = 'retired', metadata = jsonb_set(metadata, '{abandoned}', to_jsonb(now()))
			where version = $1 and status::text = 'pending' returning version`, strconv.Itoa(version))
		if err == nil && len(rows) == 0 {
			err = rotation.ErrNotExpected
		}
		return []chain.Event{event}, err
	})
}

// RecordPutBack implements rotation.KeyRecord. The states are those that the rollback has recorded.
func (r *Record) RecordPutBack(ctx context.Context, version int, place string) error {
	event := chain.Event{Action: chain.ActionKeyPutBack, Subject: chain.VersionSubject(version), Details: map[string]any{"store": place}}
	return r.changeKeys(ctx, fmt.Sprintf("recording that key version %d is back in place", version), func(*pgconn.PgConn) ([]chain.Event, error) {
		return []chain.Event{event}, nil
	})
}

// changeKeys changes the record of key versions in a transaction, with an entry in the chain.
func (r *Record) changeKeys(ctx context.Context, purpose string, work func(*pgconn.PgConn) ([]chain.Event, error)) error {
	err := r.db.With(ctx, func(conn *pgconn.PgConn) error {
		return r.change(ctx, conn, func() ([]chain.Event, error) { return work(conn) })
	})
	if err != nil {
		return fmt.Errorf("%s: %w", purpose, err)
	}
	return nil
}
