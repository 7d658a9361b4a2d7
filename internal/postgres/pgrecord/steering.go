package pgrecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ErrNoRun says that there is no run that could be steered.
var ErrNoRun = errors.New("no run is at work on this database")

// Control implements migrate.Control with the metadata of a key version in encryption_keys: the
// version that the run brings values to. The run writes the member run, and operators write the
// member orders.
type Control struct {
	record  *Record
	version int
}

// Control returns the control of runs to a version.
func (r *Record) Control(version int) *Control { return &Control{record: r, version: version} }

// Exchange implements migrate.Control.
func (c *Control) Exchange(ctx context.Context, status migrate.Status) (orders migrate.Orders, err error) {
	text, err := json.Marshal(status)
	if err != nil {
		return orders, fmt.Errorf("writing the status of the run: %w", err)
	}
	var rows [][]string
	err = c.record.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err = postgres.QueryRows(ctx, conn, `update encryption_keys set metadata = jsonb_set(coalesce(metadata, '{}'), '{run}', $2::jsonb)
			where version = $1 returning metadata->>'orders'`, strconv.Itoa(c.version), string(text))
		return err
	})
	if err != nil {
		return orders, fmt.Errorf("exchanging status and orders: %w", err)
	}
	if len(rows) == 0 || rows[0][0] == "" {
		return orders, nil
	}
	if err := json.Unmarshal([]byte(rows[0][0]), &orders); err != nil {
		return orders, fmt.Errorf("reading the orders: %w", err)
	}
	return orders, nil
}

// clearOrders removes the orders to an earlier run.
func clearOrders(ctx context.Context, conn *pgconn.PgConn, version int) error {
	_, err := postgres.QueryRows(ctx, conn, "update encryption_keys set metadata = coalesce(metadata, '{}') - 'orders' - 'run' where version = $1", strconv.Itoa(version))
	return err
}

// Steering is what a run reports, and what operators have asked of it.
type Steering struct {
	Status migrate.Status
	Orders migrate.Orders
}

// Steering returns the run that is at work. The error is ErrNoRun where there is
// none, or none that can be steered.
func (r *Record) Steering(ctx context.Context) (found Steering, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		found, err = querySteering(ctx, conn)
		return err
	})
	return found, err
}

func querySteering(ctx context.Context, conn *pgconn.PgConn) (found Steering, err error) {
	held, err := postgres.IsLocked(ctx, conn)
	if err != nil {
		return found, err
	}
	there, err := postgres.QueryRows(ctx, conn, "select to_regclass('encryption_keys') is not null")
	if err != nil {
		return found, fmt.Errorf("looking for encryption_keys: %w", err)
	}
	if !held || there[0][0] != "t" {
		return found, ErrNoRun
	}
	rows, err := postgres.QueryRows(ctx, conn, `select metadata->>'run', metadata->>'orders' from encryption_keys
		where metadata->'run'->>'ended' = 'false' order by (metadata->'run'->>'updated')::timestamptz desc limit 1`)
	if err != nil {
		return found, fmt.Errorf("reading the status of the run: %w", err)
	}
	if len(rows) == 0 {
		return found, ErrNoRun
	}
	if err := json.Unmarshal([]byte(rows[0][0]), &found.Status); err != nil {
		return found, fmt.Errorf("reading the status of the run: %w", err)
	}
	if rows[0][1] != "" {
		if err := json.Unmarshal([]byte(rows[0][1]), &found.Orders); err != nil {
			return found, fmt.Errorf("reading the orders: %w", err)
		}
	}
	return found, nil
}

// Order changes the orders of the run that is at work, and returns their number. The row is
// locked between reading and writing, so that two orders at the same time both count.
func (r *Record) Order(ctx context.Context, change func(*migrate.Orders)) (number int64, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		found, err := querySteering(ctx, conn)
		if err != nil {
			return err
		}
		return r.change(ctx, conn, func() ([]chain.Event, error) {
			version := strconv.Itoa(found.Status.To)
			rows, err := postgres.QueryRows(ctx, conn, "select coalesce(metadata->>'orders', '{}') from encryption_keys where version = $1 for update", version)
			if err != nil {
				return nil, err
			}
			if len(rows) == 0 {
				return nil, ErrNoRun
			}
			var orders migrate.Orders
			if err := json.Unmarshal([]byte(rows[0][0]), &orders); err != nil {
				return nil, err
			}
			before := orders
			change(&orders)
			orders.Number++
			number = orders.Number
			text, err := json.Marshal(orders)
			if err != nil {
				return nil, err
			}
			_, err = postgres.QueryRows(ctx, conn, "update encryption_keys set metadata = jsonb_set(metadata, '{orders}', $2::jsonb) where version = $1", version, string(text))
			return []chain.Event{orderEvent(found.Status.To, before, orders)}, err
		})
	})
	if err != nil && !errors.Is(err, ErrNoRun) {
		return 0, fmt.Errorf("ordering: %w", err)
	}
	return number, err
}
