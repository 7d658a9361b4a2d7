package pgrecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Steerable returns the run that can be steered. Errors: ErrNoRun, ErrNotSteerable.
func (r *Record) Steerable(ctx context.Context) (run Run, err error) {
	work, err := r.Work(ctx)
	if err != nil {
		return run, err
	}
	found, err := work.Steerable()
	if err != nil {
		return run, err
	}
	return *found, nil
}

// Given is an order as it was given.
type Given struct {
	Orders migrate.Orders
	// Malformed says what was wrong with the orders that stood there, and that this order took the place of; "" for
	// nothing.
	Malformed string
}

// Order gives an order to the run that is at work. The row is locked between reading and writing, so that two orders
// at the same time both count. Malformed orders are replaced: what the run follows still holds. Errors: ErrNoRun,
// ErrNotSteerable.
func (r *Record) Order(ctx context.Context, word string, change func(*migrate.Orders)) (given Given, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		work, err := queryWork(ctx, conn)
		if err != nil {
			return err
		}
		run, err := work.Steerable()
		if err != nil {
			return err
		}
		return r.change(ctx, conn, func() ([]chain.Event, error) {
			given, err = r.give(ctx, conn, *run, word, change)
			if err != nil {
				return nil, err
			}
			return []chain.Event{orderEvent(run.To, given.Orders)}, nil
		})
	})
	if err != nil && !errors.Is(err, ErrNoRun) && !errors.Is(err, ErrNotSteerable) {
		return given, fmt.Errorf("ordering: %w", err)
	}
	return given, err
}

// give writes an order in a transaction.
func (r *Record) give(ctx context.Context, conn *pgconn.PgConn, run Run, word string, change func(*migrate.Orders)) (given Given, err error) {
	version := strconv.Itoa(run.To)
	rows, err := postgres.QueryRows(ctx, conn, "select "+ordersSQL+", "+microsecondsSQL+" from $encryption_keys where version = $1 for update", version)
	if err != nil {
		return given, err
	}
	if len(rows) == 0 {
		return given, ErrNoRun
	}
	orders := run.Orders
	if text := rows[0][0]; text != "" {
		stored, problem, err := readOrders(text)
		if err != nil {
			return given, err
		}
		if given.Malformed = problem; problem == "" {
			orders = stored
		}
	}
	orders.Before = orders.Note()
	change(&orders)
	orders.Number = migrate.NextOrder(orders.Number, run.Seen)
	orders.Host = migrate.OperatorName(r.process.Host)
	orders.Word, orders.By, orders.At = word, migrate.OperatorName(r.operator), time.UnixMicro(postgres.ParseNumber(rows[0][1])).UTC()
	text, err := json.Marshal(orders)
	if err != nil {
		return given, err
	}
	given.Orders = orders
	return given, writeOrders(ctx, conn, run.To, string(text))
}

// KeptOrders is what stands in the place of the orders to runs to a version.
type KeptOrders struct {
	Version int    `json:"version"`
	Problem string `json:"problem"` // what is wrong with them; "" for nothing
	Live    bool   `json:"to_live_run"`
}

// Orders returns the orders that stand in the record.
func (r *Record) Orders(ctx context.Context) (list []KeptOrders, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		work, err := queryWork(ctx, conn)
		if err != nil {
			return err
		}
		list, err = queryOrders(ctx, conn, work, "")
		return err
	})
	return list, err
}

// queryOrders returns the orders that stand in the record, by version. How the rows are locked is added to the
// statement.
func queryOrders(ctx context.Context, conn *pgconn.PgConn, work Work, lock string) (list []KeptOrders, err error) {
	may, err := mayRead(ctx, conn, "encryption_keys")
	if err != nil || !may {
		return nil, err
	}
	rows, err := postgres.QueryRows(ctx, conn, "select version, "+ordersSQL+" from $encryption_keys where metadata->'orders' is not null order by version "+lock)
	if err != nil {
		return nil, fmt.Errorf("reading the orders to runs: %w", err)
	}
	for _, row := range rows {
		kept := KeptOrders{Version: int(postgres.ParseNumber(row[0]))}
		kept.Live = work.Run != nil && work.Run.To == kept.Version
		if _, kept.Problem, err = readOrders(row[1]); err != nil {
			return nil, err
		}
		list = append(list, kept)
	}
	return list, nil
}

// IsLeftover reports whether orders are malformed, or to no run that is at work.
func (k KeptOrders) IsLeftover() bool { return k.Problem != "" || !k.Live }

// ResetOrders takes orders out of the record: leftovers, or all. It returns those that it took away, and those that
// are seen to stand there afterwards.
func (r *Record) ResetOrders(ctx context.Context, all bool) (removed, left []KeptOrders, err error) {
	err = r.db.With(ctx, func(conn *pgconn.PgConn) error {
		work, err := queryWork(ctx, conn)
		if err != nil {
			return err
		}
		err = r.change(ctx, conn, func() (events []chain.Event, err error) {
			removed, events, err = removeOrders(ctx, conn, work, all)
			return events, err
		})
		if err != nil {
			return err
		}
		left, err = queryOrders(ctx, conn, work, "")
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("taking orders away: %w", err)
	}
	return removed, left, nil
}

// removeOrders removes orders in a transaction, and returns them with the events of the chain.
func removeOrders(ctx context.Context, conn *pgconn.PgConn, work Work, all bool) (removed []KeptOrders, events []chain.Event, err error) {
	list, err := queryOrders(ctx, conn, work, "for update")
	if err != nil {
		return nil, nil, err
	}
	for _, kept := range list {
		if !all && !kept.IsLeftover() {
			continue
		}
		if err := replaceOrders(ctx, conn, kept, work, all); err != nil {
			return nil, nil, err
		}
		removed = append(removed, kept)
		events = append(events, chain.Event{Action: chain.ActionOrdersReset, Subject: chain.VersionSubject(kept.Version),
			Details: map[string]any{"malformed": kept.Problem != "", "to_live_run": kept.Live}})
	}
	return removed, events, nil
}

// replaceOrders removes orders. Where malformed ones to the run at work are removed, what it follows takes their
// place, so that a run which is paused stays so.
func replaceOrders(ctx context.Context, conn *pgconn.PgConn, kept KeptOrders, work Work, all bool) error {
	version := strconv.Itoa(kept.Version)
	if all || !kept.Live || work.Run.Orders.Number == 0 {
		_, err := postgres.QueryRows(ctx, conn, "update $encryption_keys set metadata = metadata - 'orders' where version = $1", version)
		return err
	}
	text, err := json.Marshal(work.Run.Orders)
	if err != nil {
		return err
	}
	return writeOrders(ctx, conn, kept.Version, string(text))
}

// readOrders reads orders as they are kept. Of malformed ones it says what the problem is.
func readOrders(text string) (orders migrate.Orders, problem string, err error) {
	orders, err = migrate.ParseOrders([]byte(text))
	var malformed *migrate.OrdersError
	if errors.As(err, &malformed) {
		return migrate.Orders{}, malformed.Problem, nil
	}
	return orders, "", err
}
