package pgrecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Control implements migrate.Control with the metadata of a key version in encryption_keys: the
// version that the run brings values to. The run writes the member run, and operators write the
// member orders.
type Control struct {
	record    *Record
	key       migrate.KeyFingerprint
	malformed func(problem string)
	told      string // the problem that was told last
}

// Control returns the control of one run to the version of a key. Orders that are malformed are not followed; malformed
// is called with what is wrong, once for each problem.
func (r *Record) Control(key migrate.KeyFingerprint, malformed func(problem string)) *Control {
	return &Control{record: r, key: key, malformed: malformed}
}

// metadataSQL is the metadata of a key version as an object. What somebody else has put there instead is kept as a
// member.
const metadataSQL = `(case when metadata is null then '{}' when jsonb_typeof(metadata) = 'object' then metadata else jsonb_build_object('unreadable', metadata) end)`

// microsecondsSQL is the time of the server, in microseconds since 1970.
const microsecondsSQL = `(extract(epoch from clock_timestamp()) * 1000000)::bigint`

// ordersSQL is the text of orders, cut behind what is the longest: a text that is longer is malformed.
var ordersSQL = "coalesce(left((metadata->'orders')::text, " + strconv.Itoa(migrate.MaxOrdersLength+1) + "), '')"

// Exchange implements migrate.Control. The server adds its time, and which lock the run holds. Where somebody has taken the
// version out of the record, it is recorded again, with the orders that the run follows: else nobody could hold the run
// back any more, and one that is paused would go on.
func (c *Control) Exchange(ctx context.Context, status migrate.Status) (orders migrate.Orders, err error) {
	text, err := json.Marshal(reportedRun{Status: status, Operator: c.record.operator, Host: c.record.process.Host, Process: c.record.process.PID})
	if err != nil {
		return orders, fmt.Errorf("writing the status of the run: %w", err)
	}
	var rows [][]string
	err = c.record.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err = postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(`+metadataSQL+`, '{run}', $2::jsonb || jsonb_build_object(
			'alive', `+microsecondsSQL+`, 'began', coalesce(case when jsonb_typeof(metadata->'run'->'began') = 'number' then metadata->'run'->'began' end, to_jsonb(`+microsecondsSQL+`)),
			'backend', held.pid, 'lock', held.virtualtransaction, 'pooled', pg_backend_pid() <> $3::int))
			from (select) one left join (select l.pid, l.virtualtransaction from pg_locks l where `+postgres.LockCondition+` limit 1) held on true
			where version = $1 returning `+ordersSQL, strconv.Itoa(c.key.Version), string(text), strconv.FormatUint(uint64(conn.PID()), 10))
		if err == nil && len(rows) == 0 {
			err = c.recordAgain(ctx, conn, status.Orders)
		}
		return err
	})
	switch {
	case err != nil:
		return orders, fmt.Errorf("exchanging status and orders: %w", err)
	case len(rows) == 0:
		return status.Orders, nil
	case rows[0][0] == "":
		return orders, nil
	}
	return c.parse(rows[0][0])
}

// recordAgain records the version of the run as the active one, and the orders that the run follows.
func (c *Control) recordAgain(ctx context.Context, conn *pgconn.PgConn, followed migrate.Orders) error {
	return postgres.InTransaction(ctx, conn, func() error {
		if err := insertKey(ctx, conn, c.key.Version, c.key.Fingerprint); err != nil {
			return err
		}
		if err := activateKnown(ctx, conn, c.key.Version); err != nil || followed.Number == 0 {
			return err
		}
		text, err := json.Marshal(followed)
		if err != nil {
			return err
		}
		return writeOrders(ctx, conn, c.key.Version, string(text))
	})
}

// writeOrders puts orders into the record of a version.
func writeOrders(ctx context.Context, conn *pgconn.PgConn, version int, text string) error {
	_, err := postgres.QueryRows(ctx, conn, "update $encryption_keys set metadata = jsonb_set("+metadataSQL+", '{orders}', $2::jsonb) where version = $1", strconv.Itoa(version), text)
	return err
}

// parse reads orders, and tells what is wrong with them.
func (c *Control) parse(text string) (migrate.Orders, error) {
	orders, err := migrate.ParseOrders([]byte(text))
	var malformed *migrate.OrdersError
	if !errors.As(err, &malformed) {
		c.told = ""
		return orders, err
	}
	if malformed.Problem != c.told {
		c.told = malformed.Problem
		c.malformed(malformed.Problem)
	}
	return migrate.Orders{}, err
}

// mendMetadata makes an object of metadata that is none, so that a run can write to it.
func mendMetadata(ctx context.Context, conn *pgconn.PgConn) error {
	_, err := postgres.QueryRows(ctx, conn, "update $encryption_keys set metadata = "+metadataSQL+" where jsonb_typeof(metadata) <> 'object'")
	return err
}

// clearOrders removes the orders to an earlier run.
func clearOrders(ctx context.Context, conn *pgconn.PgConn, version int) error {
	_, err := postgres.QueryRows(ctx, conn, "update $encryption_keys set metadata = coalesce(metadata, '{}') - 'orders' - 'run' where version = $1", strconv.Itoa(version))
	return err
}

// endLostRuns notes that runs to other versions have ended, which had no time to say so.
func endLostRuns(ctx context.Context, conn *pgconn.PgConn, to int) error {
	_, err := postgres.QueryRows(ctx, conn, `update $encryption_keys set metadata = jsonb_set(metadata, '{run,ended}', 'true')
		where version <> $1 and metadata->'run'->>'ended' = 'false'`, strconv.Itoa(to))
	if err != nil {
		return fmt.Errorf("recording that earlier runs have ended: %w", err)
	}
	return nil
}
