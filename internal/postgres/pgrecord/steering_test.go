package pgrecord_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
)

// The lock of a database, as docs/rotation.md tells it to whoever must look for a run.
const takeLock = "select pg_advisory_xact_lock(8026379307689802099)"

// versions makes entries for key versions.
const versions = `insert into encryption_keys (version, key_id, algorithm, status) select v, 'k' || v, 'aes-256-gcm', 'active' from generate_series(1, 3) v`

func execute(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// holdLock takes the lock of the database of a connection until the test, or the returned function, ends it.
func holdLock(t *testing.T, of *pgx.Conn) (release func()) {
	t.Helper()
	conn, err := pgx.ConnectConfig(context.Background(), of.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	execute(t, conn, "begin")
	execute(t, conn, takeLock)
	return func() { execute(t, conn, "rollback") }
}

// exchange lets a run to a version report, with a machine whose clock shows a time.
func exchange(t *testing.T, record *pgrecord.Record, version int, clock time.Time) (problems []string, orders migrate.Orders) {
	t.Helper()
	control := record.WithProcess(pgrecord.Process{Host: "db-ops", PID: 4711}).Control(migrate.KeyFingerprint{Version: version}, func(problem string) { problems = append(problems, problem) })
	for range 2 {
		var malformed *migrate.OrdersError
		var err error
		if orders, err = control.Exchange(context.Background(), migrate.Status{To: version, Started: clock, Updated: clock, Phase: "moving", Done: 5, Total: 9}); err != nil && !errors.As(err, &malformed) {
			t.Fatal(err)
		}
	}
	return problems, orders
}

func work(t *testing.T, record *pgrecord.Record) pgrecord.Work {
	t.Helper()
	found, err := record.Work(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// If this fails, a run that died on a machine whose clock is ahead hides the one that is at work, and the operator
// holds back nothing; or the clock of this machine makes a live run a dead one.
func TestDeadRunNeverHidesALiveOne(t *testing.T) {
	t.Parallel()
	record, conn := newRecord(t)
	execute(t, conn, versions)
	release := holdLock(t, conn)
	future, past := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	exchange(t, record, 3, future)
	if found := work(t, record); found.Run == nil || found.Run.To != 3 || found.Run.State != pgrecord.RunAtWork || found.Run.Silence > 30 {
		t.Fatalf("the run to version 3 is told as %+v", found.Run)
	}
	release()
	found := work(t, record)
	if found.Lock != nil || found.Run != nil || len(found.Lost) != 1 || found.Lost[0].State != pgrecord.RunLost {
		t.Fatalf("after the lock is free: %+v", found)
	}
	holdLock(t, conn)
	exchange(t, record, 1, past)
	// A sign of life that is later than that of the live run makes no dead run a live one: the lock does.
	execute(t, conn, `update encryption_keys set metadata = jsonb_set(metadata, '{run,alive}', '4070908800000000') where version = 3`)
	// What somebody wrote by hand is no run, and hides none.
	execute(t, conn, `update encryption_keys set metadata = '{"run": {"ended": false, "updated": "never", "values_done": "many"}}' where version = 2`)
	found = work(t, record)
	if found.Run == nil || found.Run.To != 1 || found.Run.Host != "db-ops" || found.Run.Process != 4711 || found.Run.Operator != "olga" ||
		found.Run.Backend != found.Lock.Backend || found.Run.Silence > 30 || found.Run.AtWork > 30 {
		t.Errorf("the live run is told as %+v, the lock as %+v", found.Run, found.Lock)
	}
	if len(found.Lost) != 1 || found.Lost[0].To != 3 || found.Lost[0].Host != "db-ops" {
		t.Errorf("lost runs: %+v", found.Lost)
	}
}

// If this fails, entries of a run that was killed are told as at work beside a run of today, or as of a run that moved
// nothing once a later run has found it.
func TestEntriesOfDeadRunsAreTold(t *testing.T) {
	t.Parallel()
	record, conn := newRecord(t)
	execute(t, conn, versions)
	insert := `insert into encryption_migrations (table_name, column_name, from_version, to_version, started_at, status) values ('public.t', $1, 0, $2, now() + $3::interval, 'running')`
	execute(t, conn, insert, "dead", 1, "-1 day")
	execute(t, conn, insert, "other", 2, "-1 day")
	execute(t, conn, `insert into encryption_migrations (table_name, column_name, from_version, to_version, rows_total, rows_migrated, started_at, completed_at, status, error_message)
		values ('public.t', 'found', 0, 1, 9, 0, now() - interval '2 days', now(), 'resumed', 'the run ended without a word; a later run went on and left nothing')`)
	holdLock(t, conn)
	execute(t, conn, insert, "live", 1, "0")
	exchange(t, record, 1, time.Now())
	status, err := record.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, move := range status.Moves {
		if move.Lost != (move.Column != "live") {
			t.Errorf("%s: lost is %v", move.Column, move.Lost)
		}
	}
	if len(status.Moves) != 4 {
		t.Errorf("%d entries", len(status.Moves))
	}
}

// If this fails, what somebody wrote by hand ends a run, floods its log, or makes it unsteerable.
func TestMalformedOrdersStopNoRun(t *testing.T) {
	t.Parallel()
	record, conn := newRecord(t)
	execute(t, conn, versions)
	holdLock(t, conn)
	for _, metadata := range []string{`{"orders": "{}"}`, `{"orders": {"number": -4}}`, `{"orders": {"number": 9, "pauzed": true}}`, `{"orders": []}`, `{"orders": null}`,
		`{"orders": {"number": 9, "by": "` + strings.Repeat("x", 1<<20) + `"}}`, `{"orders": {"number": 9, "by": "\u001b[2J"}}`} {
		execute(t, conn, "update encryption_keys set metadata = $1 where version = 1", metadata)
		problems, orders := exchange(t, record, 1, time.Now())
		if len(problems) != 1 || orders.Number != 0 {
			t.Errorf("%.60s: told %q, followed %+v", metadata, problems, orders)
		}
		status, err := record.Status(context.Background())
		if err != nil || len(status.Orders) != 1 || status.Orders[0].Problem != problems[0] || status.Run == nil {
			t.Errorf("%.60s: the status tells %+v, %v", metadata, status.Orders, err)
		}
	}
	// Metadata that is no object is kept beside.
	for _, metadata := range []string{`[1]`, `"x"`, `null`, `5`} {
		execute(t, conn, "update encryption_keys set metadata = $1 where version = 1", metadata)
		if problems, _ := exchange(t, record, 1, time.Now()); len(problems) > 0 || work(t, record).Run == nil {
			t.Errorf("%s: told %q, or the run is not seen", metadata, problems)
		}
	}
	execute(t, conn, `update encryption_keys set metadata = metadata || '{"orders": 7}' where version in (1, 2)`)
	execute(t, conn, `update encryption_keys set metadata = metadata || '{"orders": {"number": 1}}' where version = 3`)
	// No order was followed, so that nothing takes the place of the malformed ones.
	removed, left, err := record.ResetOrders(context.Background(), false)
	if err != nil || len(removed) != 3 || len(left) != 0 {
		t.Errorf("removed %+v, left %+v, %v", removed, left, err)
	}
}

// If this fails, an order over malformed ones is lost or takes back what a run follows, or the orders of the run at
// work go with the malformed ones.
func TestOrderTakesThePlaceOfMalformedOnes(t *testing.T) {
	t.Parallel()
	record, conn := newRecord(t)
	execute(t, conn, versions)
	if _, err := record.Order(context.Background(), migrate.OrderPause, func(*migrate.Orders) {}); !errors.Is(err, pgrecord.ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
	holdLock(t, conn)
	if _, err := record.Order(context.Background(), migrate.OrderPause, func(*migrate.Orders) {}); !errors.Is(err, pgrecord.ErrNotSteerable) {
		t.Errorf("of what takes no orders: %v", err)
	}
	rate := 7
	control := record.Control(migrate.KeyFingerprint{Version: 1, Fingerprint: "1123456789abcdef"}, func(string) {})
	following := migrate.Status{To: 1, Seen: 40, Orders: migrate.Orders{Number: 40, MaxRowsPerSecond: &rate, Word: migrate.OrderSet, By: "lee"}}
	if _, err := control.Exchange(context.Background(), following); err != nil {
		t.Fatal(err)
	}
	execute(t, conn, `update encryption_keys set metadata = metadata || '{"orders": {"number": "many"}}' where version = 1`)
	if removed, left, err := record.ResetOrders(context.Background(), false); err != nil || len(removed) != 1 || len(left) != 1 || left[0].Problem != "" {
		t.Errorf("removed %+v, left %+v, %v", removed, left, err)
	}
	if orders, err := control.Exchange(context.Background(), following); err != nil || orders.Number != 40 || *orders.MaxRowsPerSecond != 7 {
		t.Errorf("after the malformed ones are taken away the run reads %+v, %v", orders, err)
	}
	execute(t, conn, `update encryption_keys set metadata = metadata || '{"orders": {"number": "many"}}' where version = 1`)
	given, err := record.Order(context.Background(), migrate.OrderPause, func(o *migrate.Orders) { o.Paused = true })
	if err != nil || given.Malformed == "" || given.Orders.Before == nil || given.Orders.Before.By != "lee" {
		t.Fatalf("given %+v, %v", given, err)
	}
	orders, err := control.Exchange(context.Background(), following)
	if err != nil || !orders.Paused || orders.Number != 41 || orders.MaxRowsPerSecond == nil || *orders.MaxRowsPerSecond != 7 || orders.By != "olga" || orders.At.IsZero() {
		t.Errorf("the run reads %+v, %v", orders, err)
	}
	if removed, left, err := record.ResetOrders(context.Background(), false); err != nil || len(removed) != 0 || len(left) != 1 || !left[0].Live {
		t.Errorf("removed %+v, left %+v, %v", removed, left, err)
	}
	if removed, left, err := record.ResetOrders(context.Background(), true); err != nil || len(removed) != 1 || len(left) != 0 {
		t.Errorf("with all: removed %+v, left %+v, %v", removed, left, err)
	}
}

// newSteered makes a record in which a run to version 1 holds the lock, and the control of that run. A malformed order
// fails the test.
func newSteered(t *testing.T) (*pgrecord.Record, *pgx.Conn, *pgrecord.Control) {
	t.Helper()
	record, conn := newRecord(t)
	execute(t, conn, versions)
	holdLock(t, conn)
	key := migrate.KeyFingerprint{Version: 1, Fingerprint: "1123456789abcdef"}
	return record, conn, record.Control(key, func(problem string) { t.Errorf("malformed: %s", problem) })
}

// If this fails, an order with the last of all numbers, written by hand, pauses a run for ever: no order after it is taken.
func TestOrderFollowsTheLastNumber(t *testing.T) {
	t.Parallel()
	record, conn, control := newSteered(t)
	seen := int64(0)
	exchange := func() migrate.Orders {
		orders, err := control.Exchange(context.Background(), migrate.Status{To: 1, Seen: seen})
		if err != nil {
			t.Fatal(err)
		}
		return orders
	}
	for _, isSeen := range []bool{false, true} {
		exchange()
		execute(t, conn, `update encryption_keys set metadata = metadata || '{"orders": {"number": 9007199254740991, "paused": true, "by": "x"}}' where version = 1`)
		orders := exchange()
		if !orders.Paused {
			t.Fatalf("the run reads %+v", orders)
		}
		if isSeen {
			seen = orders.Number
			exchange()
		}
		for _, word := range []string{migrate.OrderResume, migrate.OrderPause} {
			given, err := record.Order(context.Background(), word, func(o *migrate.Orders) { o.Paused = word == migrate.OrderPause })
			if err != nil || migrate.IsFollowed(given.Orders.Number, seen) {
				t.Fatalf("%s: given %+v beside %d, %v", word, given, seen, err)
			}
			if orders := exchange(); orders.Number != given.Orders.Number || orders.Paused != (word == migrate.OrderPause) || orders.Number == seen {
				t.Errorf("%s: the run reads %+v", word, orders)
			}
		}
		seen = 0
	}
}

// If this fails, a run that was paused goes on because somebody has cleared the table of keys, and nobody can hold it back any
// more: no order reaches it.
func TestRunStaysInHandWithoutItsVersion(t *testing.T) {
	t.Parallel()
	record, conn, control := newSteered(t)
	paused := migrate.Status{To: 1, Seen: 7, Orders: migrate.Orders{Number: 7, Paused: true, Word: migrate.OrderPause, By: "lee"}}
	execute(t, conn, "delete from encryption_keys where version = 1")
	for range 3 {
		if orders, err := control.Exchange(t.Context(), paused); err != nil || orders.Number != 7 || !orders.Paused {
			t.Fatalf("the run reads %+v, %v", orders, err)
		}
	}
	given, err := record.Order(t.Context(), migrate.OrderAbort, func(o *migrate.Orders) { o.Abort = true })
	if err != nil || !given.Orders.Paused {
		t.Fatalf("given %+v, %v", given, err)
	}
	if orders, err := control.Exchange(t.Context(), paused); err != nil || !orders.Abort {
		t.Errorf("the run reads %+v, %v", orders, err)
	}
	if keys, err := record.KeyStates(t.Context()); err != nil || len(keys) != 3 || keys[0].State != "active" || keys[0].Fingerprint != "1123456789abcdef" {
		t.Errorf("recorded are %+v, %v", keys, err)
	}
}
