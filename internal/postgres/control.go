package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// ErrNoRun: there is no run that could be steered.
var ErrNoRun = errors.New("no run is at work on this database")

// Control is where a run and those who steer it meet: the metadata of the key
// version that the run brings values to, in encryption_keys. The run writes
// "run", the others write "orders".
type Control struct {
	store   *Store
	version int
}

// Control returns that of runs to a version.
func (s *Store) Control(version int) *Control { return &Control{store: s, version: version} }

// Exchange implements migrate.Control.
func (c *Control) Exchange(ctx context.Context, status migrate.Status) (orders migrate.Orders, err error) {
	text, err := json.Marshal(status)
	if err != nil {
		return orders, fmt.Errorf("writing the status of the run: %w", err)
	}
	var rows [][]string
	err = c.store.with(ctx, func(conn *pgconn.PgConn) error {
		rows, err = rowsOf(ctx, conn, `update encryption_keys set metadata = jsonb_set(coalesce(metadata, '{}'), '{run}', $2::jsonb)
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

// clearControl takes away what was ordered of an earlier run.
func clearControl(ctx context.Context, conn *pgconn.PgConn, version int) error {
	_, err := rowsOf(ctx, conn, "update encryption_keys set metadata = coalesce(metadata, '{}') - 'orders' - 'run' where version = $1", strconv.Itoa(version))
	return err
}

// Steering is a run as it is seen from outside.
type Steering struct {
	Status migrate.Status
	Orders migrate.Orders
}

// Steering returns the run that is at work. The error is ErrNoRun where there is
// none, or none that can be steered.
func (s *Store) Steering(ctx context.Context) (found Steering, err error) {
	err = s.with(ctx, func(conn *pgconn.PgConn) error {
		found, err = steering(ctx, conn)
		return err
	})
	return found, err
}

func steering(ctx context.Context, conn *pgconn.PgConn) (found Steering, err error) {
	held, err := lockHeld(ctx, conn)
	if err != nil {
		return found, err
	}
	there, err := rowsOf(ctx, conn, "select to_regclass('encryption_keys') is not null")
	if err != nil {
		return found, fmt.Errorf("looking for encryption_keys: %w", err)
	}
	if !held || there[0][0] != "t" {
		return found, ErrNoRun
	}
	rows, err := rowsOf(ctx, conn, `select metadata->>'run', metadata->>'orders' from encryption_keys
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

// Order changes the orders of the run that is at work, and returns their number.
// Two who order at the same time both have their say: the row is locked between
// reading and writing.
func (s *Store) Order(ctx context.Context, change func(*migrate.Orders)) (number int64, err error) {
	err = s.with(ctx, func(conn *pgconn.PgConn) error {
		found, err := steering(ctx, conn)
		if err != nil {
			return err
		}
		return within(ctx, conn, func() error {
			version := strconv.Itoa(found.Status.To)
			rows, err := rowsOf(ctx, conn, "select coalesce(metadata->>'orders', '{}') from encryption_keys where version = $1 for update", version)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				return ErrNoRun
			}
			var orders migrate.Orders
			if err := json.Unmarshal([]byte(rows[0][0]), &orders); err != nil {
				return err
			}
			change(&orders)
			orders.Number++
			number = orders.Number
			text, err := json.Marshal(orders)
			if err != nil {
				return err
			}
			_, err = rowsOf(ctx, conn, "update encryption_keys set metadata = jsonb_set(metadata, '{orders}', $2::jsonb) where version = $1", version, string(text))
			return err
		})
	})
	if err != nil && !errors.Is(err, ErrNoRun) {
		return 0, fmt.Errorf("ordering: %w", err)
	}
	return number, err
}

// within runs work in a transaction.
func within(ctx context.Context, conn *pgconn.PgConn, work func() error) error {
	if _, err := conn.Exec(ctx, "begin "+isolation).ReadAll(); err != nil {
		return plain(err)
	}
	if err := work(); err != nil {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "rollback").ReadAll()
		return err
	}
	_, err := conn.Exec(ctx, "commit").ReadAll()
	return plain(err)
}
